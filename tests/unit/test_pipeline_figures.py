"""What facts add to the figures of pipelines, and what Prometheus is shown as a collector takes it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.figures import OTHER, SUM
from hubwright.domain.measurements import Histogram, Measurement, Shape, Spread
from hubwright.domain.pipeline_figures import DURATION, ERRORS, MAX_PIPELINES, Life, PipelineNames, count_facts
from hubwright.domain.results import Result
from hubwright.reports.measuring import translate

LIFE = Life("team/app", 1000.0, 1010.0)


def end(result: str, kind: FactKind = FactKind.BUILD_FINISHED, at: float = 1050.0) -> Fact:
    return Fact(kind=kind, at=at, build_id=7, data={"result": result})


def test_a_build_is_counted_by_how_long_it_waited_and_how_long_it_ran() -> None:
    counts = count_facts([end("failure")], {7: LIFE}, PipelineNames(()))
    sums = {labels[:-1]: value for (_, labels), value in counts.items() if labels[-1] == SUM}
    assert sums == {("team/app", "pending", "", ""): 10.0, ("team/app", "executing", "failure", "failure"): 40.0}
    assert sum(value for (_, labels), value in counts.items() if labels[-1] != SUM) == 2


def test_a_build_that_never_began_has_its_result_where_it_waited() -> None:
    """The conventions: the result belongs to the state in which it was set."""
    counts = count_facts([end("cancellation")], {7: LIFE._replace(started_at=None)}, PipelineNames(()))
    assert {labels[:-1] for _, labels in counts} == {("team/app", "pending", "cancellation", "")}


def test_errors_are_of_runs_that_went_wrong_and_of_what_is_ours() -> None:
    facts = [end(result.value, FactKind.RUN_FINISHED) for result in Result]
    facts += [Fact(kind=FactKind.BUILDER_LOST, at=1.0), Fact(kind=FactKind.DELIVERY_FAILED, at=1.0)]
    counts = count_facts(facts, {7: LIFE}, PipelineNames(()))
    wrong = {(ERRORS.name, ("team/app", result)): 1.0 for result in ("failure", "error", "timeout")}
    ours = {("builder", "lost"): 1.0, ("intake", "not_understood"): 1.0}
    assert counts == wrong | {("cicd.system.errors", labels): value for labels, value in ours.items()}


@given(st.lists(st.text(max_size=300), max_size=400))
def test_names_of_jobs_are_bounded_and_stay_what_they_were(names: list[str]) -> None:
    """Anybody who may open a pull request may not fill the memory of a monitoring system."""
    bound = PipelineNames(["known"])
    found = [bound.bound(name) for name in names]
    assert len({*found, "known"} - {OTHER}) <= MAX_PIPELINES
    assert all(len(name) <= 200 and name.isprintable() for name in found)
    assert [bound.bound(name) for name in names if bound.bound(name) != OTHER] == [one for one in found if one != OTHER]
    assert bound.bound("known") == "known"


@given(st.lists(st.floats(min_value=0, max_value=1e6, width=32), min_size=1))
def test_buckets_that_prometheus_adds_up_are_taken_apart(values: list[float]) -> None:
    bounds = [1.0, 60.0]
    below = [sum(value <= bound for value in values) for bound in bounds]
    family = HistogramMetricFamily("x_seconds", "X.", labels=["a"])
    parts = [("1.0", below[0]), ("60.0", below[1]), ("+Inf", len(values))]
    family.add_metric(["b"], parts, sum(values))
    (told,) = translate([family])
    counts = (below[0], below[1] - below[0], len(values) - below[1])
    spread = Spread((1.0, 60.0), counts, sum(values))
    assert told == Histogram(name="x_seconds", unit="s", text="X.", points=[({"a": "b"}, spread)])


def test_counters_and_gauges_keep_their_names() -> None:
    counter, gauge = (
        CounterMetricFamily("hubwright_log_bytes", "B.", value=3),
        GaugeMetricFamily("hubwright_x", "X.", 4),
    )
    assert list(translate([counter, gauge])) == [
        Measurement(name="hubwright_log_bytes", unit="By", text="B.", shape=Shape.COUNTER, points=[({}, 3.0)]),
        Measurement(name="hubwright_x", unit="1", text="X.", shape=Shape.GAUGE, points=[({}, 4.0)]),
    ]


def test_names_are_those_of_the_conventions() -> None:
    assert re.fullmatch(r"cicd\.pipeline\.run\.duration", DURATION.name)
    assert DURATION.labels == ("cicd.pipeline.name", "cicd.pipeline.run.state", "cicd.pipeline.result", "error.type")
