"""What is counted for the monitoring system: buckets, and bounds on labels that build files make."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.figures import (
    BUILD_SECONDS,
    BUILDS,
    FACTS,
    KINDS,
    LOST,
    MAX_PLATFORMS,
    OTHER,
    RUN_SECONDS,
    SUM,
    WAIT_SECONDS,
    FactCounts,
    Times,
    add_up,
    expect,
    observe,
)


@given(st.lists(st.floats(-1e6, 1e9, allow_nan=False)))
def test_a_histogram_counts_every_observation_once(seconds: list[float]) -> None:
    """Buckets only grow from one to the next, the last has all, and each has exactly what is not above its bound."""
    parts: dict[str, float] = {}
    for one in seconds:
        for (_, labels), amount in observe(RUN_SECONDS, ("linux", "success"), one).items():
            assert labels[:2] == ("linux", "success")
            parts[labels[2]] = parts.get(labels[2], 0.0) + amount
    buckets, total = add_up(RUN_SECONDS, parts)
    assert total == pytest.approx(sum(max(one, 0.0) for one in seconds))
    assert all(before <= after for (_, before), (_, after) in pairwise(buckets))
    for bound, count in buckets:
        assert count == sum(max(one, 0.0) <= float(bound.replace("+", "")) for one in seconds)


def test_times_of_runs_and_builds_come_from_their_rows() -> None:
    """A run that was never begun took no time; one whose row is gone is counted as a fact alone."""
    counts = FactCounts({1: Times(100.0, 110.0), 2: Times(100.0, None)}, {5: Times(90.0, 100.0)}, ())
    linux = {"platform": "linux", "result": "failure"}
    counts.count(Fact(kind=FactKind.RUN_STARTED, at=110.0, run_id=1, data=linux))
    for run in (1, 2, 3):
        counts.count(Fact(kind=FactKind.RUN_FINISHED, at=130.0, run_id=run, data=linux))
    counts.count(Fact(kind=FactKind.BUILD_FINISHED, at=160.0, build_id=5, data=linux))
    counts.count(Fact(kind=FactKind.BUILDER_LOST, at=160.0))
    assert counts.counts == {
        (FACTS.name, ("RunStarted",)): 1,
        (FACTS.name, ("RunFinished",)): 3,
        (FACTS.name, ("BuildFinished",)): 1,
        (FACTS.name, ("BuilderLost",)): 1,
        (WAIT_SECONDS.name, ("linux", "15.0")): 1,
        (WAIT_SECONDS.name, ("linux", SUM)): 10,
        (RUN_SECONDS.name, ("linux", "failure", "30.0")): 1,
        (RUN_SECONDS.name, ("linux", "failure", SUM)): 20,
        (BUILDS.name, ("failure",)): 1,
        (BUILD_SECONDS.name, ("failure", "60.0")): 1,
        (BUILD_SECONDS.name, ("failure", SUM)): 60,
        (LOST.name, ()): 1,
    }


@given(st.lists(st.integers(0, 3 * MAX_PLATFORMS)))
def test_no_build_file_can_make_more_series_than_are_allowed(numbers: list[int]) -> None:
    """The first platforms keep theirs for ever, across restarts; all that come later share one."""
    known: set[str] = set()
    for number in numbers:
        counts = FactCounts({1: Times(0.0, None)}, {}, known)
        counts.count(Fact(kind=FactKind.RUN_STARTED, at=1.0, run_id=1, data={"platform": f"p{number}"}))
        known |= {labels[0] for name, labels in counts.counts if name == WAIT_SECONDS.name}
    assert len(known - {OTHER}) <= MAX_PLATFORMS
    assert {f"p{number}" for number in list(dict.fromkeys(numbers))[:MAX_PLATFORMS]} <= known


def test_a_result_of_a_newer_version_makes_no_new_series() -> None:
    counts = FactCounts({}, {}, ())
    counts.count(Fact(kind=FactKind.BUILD_FINISHED, at=1.0, data={"result": "levitated"}))
    assert (BUILDS.name, ("error",)) in counts.counts


def test_what_is_known_is_shown_before_it_is_counted() -> None:
    """A counter that appears with its first growth has, to Prometheus, not grown."""
    assert ("success",) in set(expect(BUILDS, (), {}))
    assert len(list(expect(FACTS, (), {}))) == len(FactKind)
    assert list(expect(RUN_SECONDS, [("linux", "success")], {})) == [("linux", "success")]


def test_names_fit_the_table_and_follow_the_rules() -> None:
    """https://prometheus.io/docs/practices/naming/ : base units, one prefix; `_total` is added to counters."""
    for kind in KINDS:
        assert kind.name.startswith("hubwright_")
        assert len(kind.name) <= 60
        assert len(kind.labels) == len(kind.values)
        assert kind.name.endswith("_seconds") == bool(kind.buckets)
        assert kind.buckets == tuple(sorted(set(kind.buckets)))
