"""How builds go over time: samples of builds, put together by hours, days or weeks. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor

HOUR, DAY = 3_600, 86_400
STEPS = (300, HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY, 364 * DAY)
"""Seconds that a point may stand for."""

MOST_POINTS = 60
"""Points of a trend, about: the shortest step is taken with which there are no more."""

_MONDAY = 4 * DAY  # 1970-01-05: weeks begin on Mondays, days at midnight UTC
_SETTLED = frozenset({"success", "failure", "error", "timeout"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A finished build: when it ended (Unix seconds), how long it waited and took, what it reported and wrote."""

    at: float
    result: str
    waited: float | None
    took: float | None
    tests: int | None
    log_size: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """The builds that ended in the `step` seconds from `at` on. Times are seconds; None where no build tells it.

    `rate`: the share that passed of those that say something of the code. `tests` and `log_size` are medians.
    """

    at: float
    builds: int
    settled: int
    passed: int
    took_p50: float | None
    took_p95: float | None
    waited_p50: float | None
    waited_p95: float | None
    tests: float | None
    log_size: float | None
    busy: float | None = None

    @property
    def rate(self) -> float | None:
        """None when no build says something of the code."""
        return self.passed / self.settled if self.settled else None


@dataclass(frozen=True, slots=True)
class Trend:
    """Points by time, the oldest first; those in which nothing ended are left out."""

    step: int
    points: tuple[Point, ...]

    @property
    def builds(self) -> int:
        """How many builds it is made of."""
        return sum(point.builds for point in self.points)


def choose_step(seconds: float) -> int:
    """The step for samples that are so far apart."""
    return next((step for step in STEPS if seconds <= step * (MOST_POINTS - 1)), STEPS[-1])


def make_trend(samples: Iterable[Sample], runs: Sequence[tuple[float, float]] = ()) -> Trend:
    """The samples in points; `runs` are when runs of builders began and ended: how many went on at once on average."""
    found = list(samples)
    if not found:
        return Trend(STEPS[0], ())
    first, last = min(one.at for one in found), max(one.at for one in found)
    step = choose_step(last - first)
    parts: dict[float, list[Sample]] = defaultdict(list)
    for one in found:
        parts[_begin(one.at, step)].append(one)
    busy = _share_out(runs, step, first, last) if runs else {}
    return Trend(step, tuple(_join(at, parts[at], busy.get(at)) for at in sorted(parts)))


def measure_percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share of them does not exceed; None of none."""
    return sorted(values)[max(ceil(len(values) * share) - 1, 0)] if values else None


def _begin(at: float, step: int) -> float:
    return float(floor((at - _MONDAY) / step) * step + _MONDAY)


def _join(at: float, samples: Sequence[Sample], busy: float | None) -> Point:
    took = [one.took for one in samples if one.took is not None]
    waited = [one.waited for one in samples if one.waited is not None]
    return Point(
        at=at,
        builds=len(samples),
        settled=sum(one.result in _SETTLED for one in samples),
        passed=sum(one.result == "success" for one in samples),
        took_p50=measure_percentile(took, 0.5),
        took_p95=measure_percentile(took, 0.95),
        waited_p50=measure_percentile(waited, 0.5),
        waited_p95=measure_percentile(waited, 0.95),
        tests=measure_percentile([one.tests for one in samples if one.tests is not None], 0.5),
        log_size=measure_percentile([one.log_size for one in samples if one.log_size is not None], 0.5),
        busy=busy,
    )


def _share_out(runs: Sequence[tuple[float, float]], step: int, first: float, last: float) -> dict[float, float]:
    """Of each step how many runs went on at once on average, between the first and the last sample."""
    seconds: dict[float, float] = defaultdict(float)
    for begun, ended in runs:
        at = _begin(max(begun, first), step)
        while at < min(ended, last):
            seconds[at] += max(min(ended, at + step, last) - max(begun, at, first), 0.0)
            at += step
    return {at: spent / max(min(at + step, last) - max(at, first), 1.0) for at, spent in seconds.items()}
