"""The verdict over many results."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.results import Result, verdict

RESULTS = st.lists(st.sampled_from(list(Result)))


def test_nothing_at_all_is_a_skip() -> None:
    assert verdict([]) is Result.SKIP


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        *itertools.pairwise(
            [Result.FAILURE, Result.TIMEOUT, Result.ERROR, Result.CANCELLATION, Result.SUCCESS, Result.SKIP]
        )
    ],
)
def test_the_worst_counts(worse: Result, better: Result) -> None:
    assert verdict([better, worse, better]) is worse


@given(one=RESULTS, other=RESULTS)
def test_order_and_grouping_change_nothing(one: list[Result], other: list[Result]) -> None:
    """R13: runs end in any order."""
    assert verdict(one + other) is verdict(other + one) is verdict([verdict(one), verdict(other)])
    assert verdict(one) is verdict(set(one))
    assert one == [] or verdict(one) in one


def test_success_needs_every_part_to_be_good() -> None:
    for results in itertools.product(Result, repeat=3):
        good = verdict(results) in (Result.SUCCESS, Result.SKIP)
        assert good is all(result in (Result.SUCCESS, Result.SKIP) for result in results)
