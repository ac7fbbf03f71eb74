"""What is counted of pipelines for a collector of OpenTelemetry, by the conventions for CI/CD.

https://opentelemetry.io/docs/specs/semconv/cicd/cicd-metrics/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.figures import BUILD_SECONDS, OTHER, Kind, Series, observe
from hubwright.domain.results import Result

PENDING, EXECUTING = "pending", "executing"
"""States of a build that conventions know, and we."""

MAX_PIPELINES = 100
"""Jobs with series of their own, in all; the rest is counted as `other`."""

_NAME, _ERROR = "cicd.pipeline.name", "error.type"
_LENGTH = 200

DURATION = Kind(
    name="cicd.pipeline.run.duration",
    text="Duration of a pipeline run grouped by pipeline, state and result.",
    labels=(_NAME, "cicd.pipeline.run.state", "cicd.pipeline.result", _ERROR),
    buckets=BUILD_SECONDS.buckets,
)
ERRORS = Kind(
    name="cicd.pipeline.run.errors",
    text="The number of errors encountered in pipeline runs (eg. compile, test failures).",
    labels=(_NAME, _ERROR),
)
SYSTEM_ERRORS = Kind(
    name="cicd.system.errors",
    text="The number of errors in a component of the CI/CD system (eg. controller, scheduler, agent).",
    labels=("cicd.system.component", _ERROR),
)

_BAD = frozenset({Result.FAILURE, Result.ERROR, Result.TIMEOUT})
_FAULTS = {FactKind.BUILDER_LOST: ("builder", "lost"), FactKind.DELIVERY_FAILED: ("intake", "not_understood")}


class Life(NamedTuple):
    """A build: the job that it is of (of a copy the job that this is a copy of), and when it came and began."""

    pipeline: str
    queued_at: float
    started_at: float | None


class PipelineNames:
    """Which jobs have series of their own: those that have, and the first that come."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = set(known)

    def bound(self, pipeline: str) -> str:
        """The name to count it under."""
        name = "".join(filter(str.isprintable, pipeline))[:_LENGTH] or OTHER
        if name not in self._known and len(self._known) >= MAX_PIPELINES:
            return OTHER
        self._known.add(name)
        return name


def count_facts(facts: Iterable[Fact], lives: Mapping[int, Life], names: PipelineNames) -> dict[Series, float]:
    """What facts add; `lives` are of builds, by their numbers."""
    counts: dict[Series, float] = {}
    for fact in facts:
        life = None if fact.build_id is None else lives.get(fact.build_id)
        for series, amount in _count(fact, life, names).items():
            counts[series] = counts.get(series, 0.0) + amount
    return counts


def _count(fact: Fact, life: Life | None, names: PipelineNames) -> dict[Series, float]:
    if fact.kind in _FAULTS:
        return {(SYSTEM_ERRORS.name, _FAULTS[fact.kind]): 1.0}
    if life is None:
        return {}
    name = names.bound(life.pipeline)
    result = str(fact.data.get("result"))
    error = result if result in _BAD else ""
    if fact.kind is FactKind.RUN_FINISHED:
        return {(ERRORS.name, (name, error)): 1.0} if error else {}
    if fact.kind is not FactKind.BUILD_FINISHED or result not in set(Result):
        return {}
    if life.started_at is None:
        return observe(DURATION, (name, PENDING, result, error), fact.at - life.queued_at)
    waited = observe(DURATION, (name, PENDING, "", ""), life.started_at - life.queued_at)
    return waited | observe(DURATION, (name, EXECUTING, result, error), fact.at - life.started_at)
