"""What is counted for the monitoring system: names, labels with bounds, histograms.

A *series* is one number that only grows: a counter with its labels, or a part of a histogram, whose last label is the
upper bound of a bucket or `SUM`. Names follow https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import inf
from typing import NamedTuple

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.results import Result

Series = tuple[str, tuple[str, ...]]
"""Name of a kind, and the values of its labels."""

SUM = "sum"
"""The last label of a histogram's series that holds the sum of what was observed."""

OTHER = "other"
"""The platform of all that are too many."""

MAX_PLATFORMS = 50
"""Platforms with series of their own; build files name them, so nothing else bounds them."""

_MINUTES = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0)
_MOMENTS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RESULTS = tuple(result.value for result in Result)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A counter or, with `buckets`, a histogram of seconds. `values` are those of each label, () where not known.

    A series whose values are all known is there from the start, at nought: else nobody would see its first growth.
    """

    name: str
    text: str
    labels: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
    buckets: tuple[float, ...] = ()


FACTS = Kind(
    name="hubwright_facts",
    text="What happened, by kind of fact.",
    labels=("kind",),
    values=(tuple(kind.value for kind in FactKind),),
)
BUILDS = Kind(
    name="hubwright_builds_finished", text="Builds that ended, by result.", labels=("result",), values=(_RESULTS,)
)
BUILD_SECONDS = Kind(
    name="hubwright_build_duration_seconds",
    text="From the first start of a build to its end.",
    labels=("result",),
    values=(_RESULTS,),
    buckets=_MINUTES,
)
RUN_SECONDS = Kind(
    name="hubwright_run_duration_seconds",
    text="How long runs took at a builder.",
    labels=("platform", "result"),
    values=((), _RESULTS),
    buckets=_MINUTES,
)
WAIT_SECONDS = Kind(
    name="hubwright_run_wait_seconds",
    text="How long runs waited until a builder took them.",
    labels=("platform",),
    values=((),),
    buckets=_MINUTES,
)
LOST = Kind(name="hubwright_builders_lost", text="Builders that lost their runs.")
LOG_BYTES = Kind(name="hubwright_log_bytes", text="Bytes that builders have put into logs.")
WEBHOOKS = Kind(
    name="hubwright_webhooks",
    text="Webhooks that came, by what became of them at the door.",
    labels=("outcome",),
    values=(("kept", "repeated", "spooled", "unsigned", "refused", "unavailable", "failed"),),
)
GITHUB_REQUESTS = Kind(
    name="hubwright_github_requests",
    text="Requests to GitHub, by what came of them.",
    labels=("outcome",),
    values=(("answered", "not_modified", "refused", "limited", "unavailable"),),
)
GITHUB_SECONDS = Kind(
    name="hubwright_github_request_duration_seconds",
    text="How long GitHub took to answer.",
    buckets=_MOMENTS,
)
REPORTS = Kind(
    name="hubwright_reports",
    text="Reports that reporters tried to tell, by what came of it.",
    labels=("reporter", "outcome"),
    values=((), ("told", "delayed", "paused", "given_up")),
)
DRAIN_FAILURES = Kind(
    name="hubwright_drain_failures",
    text="Times that a queue's work broke off: the database was away, or a fault of ours.",
    labels=("queue",),
    values=((),),
)

KINDS = (
    FACTS, BUILDS, BUILD_SECONDS, RUN_SECONDS, WAIT_SECONDS, LOST, LOG_BYTES, WEBHOOKS, GITHUB_REQUESTS, GITHUB_SECONDS,
    REPORTS, DRAIN_FAILURES,
)  # fmt: skip


def name_bound(bound: float) -> str:
    """A bucket's upper bound as Prometheus writes it."""
    return "+Inf" if bound == inf else repr(float(bound))


def observe(kind: Kind, labels: tuple[str, ...], seconds: float) -> dict[Series, float]:
    """What one observation adds to a histogram: to one bucket (they are added up when shown), and to the sum.

    Less than nothing, from clocks that were set back, counts as nothing.
    """
    seconds = max(seconds, 0.0)
    bound = (*kind.buckets, inf)[bisect_left(kind.buckets, seconds)]
    return {(kind.name, (*labels, name_bound(bound))): 1.0, (kind.name, (*labels, SUM)): seconds}


def add_up(kind: Kind, parts: Mapping[str, float]) -> tuple[list[tuple[str, float]], float]:
    """The buckets of a histogram as they are shown, each with all that is below it, and the sum."""
    buckets: list[tuple[str, float]] = []
    below = 0.0
    for bound in (*kind.buckets, inf):
        below += parts.get(name_bound(bound), 0.0)
        buckets.append((name_bound(bound), below))
    return buckets, parts.get(SUM, 0.0)


def expect(
    kind: Kind, found: Iterable[tuple[str, ...]], known: Mapping[str, Iterable[str]]
) -> Iterator[tuple[str, ...]]:
    """The labels of a kind that are to be shown: those found, and those known from the start, each once, in order."""
    values = [given or tuple(known.get(label, ())) for label, given in zip(kind.labels, kind.values, strict=True)]
    yield from sorted({*found, *product(*values)})


class Times(NamedTuple):
    """When a build or run came into the queue and was begun, Unix time."""

    queued_at: float
    started_at: float | None


class FactCounts:
    """What facts add to the counts. `runs` and `builds` by their numbers; `platforms` have series already."""

    def __init__(self, runs: Mapping[int, Times], builds: Mapping[int, Times], platforms: Iterable[str]) -> None:
        self.counts: dict[Series, float] = {}
        self._runs = runs
        self._builds = builds
        self._platforms = set(platforms)

    def count(self, fact: Fact) -> None:
        """Add one fact."""
        self._add({(FACTS.name, (fact.kind.value,)): 1.0})
        match fact.kind:
            case FactKind.BUILD_FINISHED:
                self._end_build(fact)
            case FactKind.RUN_STARTED | FactKind.RUN_FINISHED if fact.run_id is not None:
                self._time_run(fact, self._runs.get(fact.run_id))
            case FactKind.BUILDER_LOST:
                self._add({(LOST.name, ()): 1.0})

    def _time_run(self, fact: Fact, times: Times | None) -> None:
        if times is None:
            return
        if fact.kind is FactKind.RUN_STARTED:
            self._add(observe(WAIT_SECONDS, (self._bound(fact),), fact.at - times.queued_at))
        elif times.started_at is not None:
            self._add(observe(RUN_SECONDS, (self._bound(fact), _result(fact)), fact.at - times.started_at))

    def _end_build(self, fact: Fact) -> None:
        self._add({(BUILDS.name, (_result(fact),)): 1.0})
        times = None if fact.build_id is None else self._builds.get(fact.build_id)
        if times is not None and times.started_at is not None:
            self._add(observe(BUILD_SECONDS, (_result(fact),), fact.at - times.started_at))

    def _bound(self, fact: Fact) -> str:
        """The platform to count a run under: the first ones that came, the others together."""
        platform = "".join(filter(str.isprintable, str(fact.data.get("platform"))))[:100] or OTHER
        if platform not in self._platforms and len(self._platforms) >= MAX_PLATFORMS:
            return OTHER
        self._platforms.add(platform)
        return platform

    def _add(self, more: Mapping[Series, float]) -> None:
        for series, amount in more.items():
            self.counts[series] = self.counts.get(series, 0.0) + amount


def _result(fact: Fact) -> str:
    """One of the results that there are, whatever a newer version says."""
    result = fact.data.get("result")
    return str(result) if result in _RESULTS else Result.ERROR.value
