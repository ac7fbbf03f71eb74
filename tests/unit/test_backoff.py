"""Waiting between tries grows, stays within its cap, and never fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.backoff import backoff


def test_each_failure_doubles_the_wait_up_to_the_cap() -> None:
    assert [backoff(attempts, 1, 10, 0) for attempts in range(1, 7)] == [1, 2, 4, 8, 10, 10]


def test_jitter_takes_away_up_to_a_quarter() -> None:
    assert backoff(3, 1, 60, 0.999_999) == pytest.approx(3)


@given(st.integers(-3, 10**12), st.floats(0.001, 100), st.floats(0.001, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_positive_and_at_most_the_cap(attempts: int, base: float, cap: float, jitter: float) -> None:
    """However often it failed; a huge count must not overflow."""
    assert 0 < backoff(attempts, base, cap, jitter) <= cap
