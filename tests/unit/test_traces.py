"""Builds as traces: the numbers of spans, made from rows alone."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.traces import TraceIds

IDS = TraceIds("https://ci.example.org")
NUMBERS = st.integers(min_value=0, max_value=2**62)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_what_a_process_is_given_is_a_parent_as_w3c_writes_it(build: int, run: int, position: int) -> None:
    """https://www.w3.org/TR/trace-context/#traceparent-header: version 00, sampled; numbers of nought are forbidden."""
    parent = IDS.write_traceparent(build, run, position)
    found = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", parent)
    assert found is not None
    assert found.groups() == (IDS.of_build(build), IDS.of_stage(run, position))
    assert "0" * 16 not in found.groups()


@given(NUMBERS, NUMBERS)
def test_no_two_spans_share_a_number(one: int, other: int) -> None:
    """Of a run, a stage or a build; also when digits run together: stage 11 of run 1, stage 1 of run 11."""
    spans = [IDS.of_run(one), IDS.of_round(one, other), IDS.of_stage(one, other), TraceIds("http://b").of_run(one)]
    spans += [IDS.of_stage(other, one), IDS.of_round(other, one)] if one != other else []
    assert len(set(spans)) == len(spans)


def test_numbers_stay_as_they_are() -> None:
    """Whoever told of half a build before an update tells of the rest in the same trace."""
    assert IDS.of_build(1) == "7c72c38e713c6e934d8df3a26c5b3daf"
    assert IDS.write_traceparent(7, 8, 1) == "00-2195d06cc022c293cb33e638dc09448d-d781b94f4bdc5053-01"
