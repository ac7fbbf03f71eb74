"""When waiting runs should start: the queue played forward by how long such runs usually take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import inf

from hubwright.domain.scheduling import BuilderKind, Want, suits

_OVERDUE = 0.1
"""Share of the usual time that a run which has taken longer is expected to need still."""

_HOPELESS = 3.0
"""Times the usual time after which nothing is expected any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiter:
    """A run in the queue, what it wants, and how many seconds such runs usually take, None when unknown."""

    run: int
    want: Want
    usual: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A run on a builder, and the seconds that it should still take, None when unknown."""

    run: int
    build: int
    job: str
    number: int
    left: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Station:
    """A builder as it stands, and what it works on. `state` is connected, paused, draining, away or on_demand."""

    name: str
    platform: str
    labels: tuple[str, ...] = ()
    slots: int = 1
    state: str = "connected"
    seen_at: float | None = None
    works: tuple[Work, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it takes runs, now or later."""
        return self.state == "connected"

    @property
    def free(self) -> int:
        """How many more runs it takes now."""
        return max(self.slots - len(self.works), 0) if self.open else 0


def time_left(usual: float | None, elapsed: float) -> float | None:
    """Seconds that a run should still take which has taken `elapsed`; None when nobody knows."""
    if usual is None or elapsed > _HOPELESS * usual:
        return None
    return max(usual - elapsed, _OVERDUE * usual)


class Estimates:
    """The slots of all builders, and when each becomes free while those who wait enter one after the other.

    A slot of which that is not known is counted on by nobody, so an estimate is rather too long than too short.
    """

    def __init__(self, stations: Iterable[Station]) -> None:
        # Builders that suit the same wants are one pool: their slots are as good as each other's.
        alike: dict[tuple[str, frozenset[str]], list[float]] = {}
        for station in stations:
            if station.open and station.slots:
                key = station.platform, frozenset(station.labels)
                alike.setdefault(key, []).extend(_slot_times(station))
        self._pools = [
            (BuilderKind(platform=platform, labels=tuple(labels)), slots) for (platform, labels), slots in alike.items()
        ]
        self._suited: dict[Want, list[list[float]]] = {}
        for _, slots in self._pools:
            heapify(slots)

    def enter(self, waiter: Waiter) -> float | None:
        """Give the next of the line the slot that is free first; seconds until then, None when nobody knows."""
        soonest = self._soonest(waiter.want)
        if soonest is None:
            return None
        start = soonest[0]
        heapreplace(soonest, inf if waiter.usual is None else start + waiter.usual)
        return start

    def look(self, want: Want) -> float | None:
        """Seconds until the next one that wants this would start; None when nobody knows."""
        soonest = self._soonest(want)
        return None if soonest is None else soonest[0]

    def _soonest(self, want: Want) -> list[float] | None:
        if want not in self._suited:
            self._suited[want] = [slots for like, slots in self._pools if suits(want, like)]
        soonest = min(self._suited[want], key=lambda slots: slots[0], default=None)
        return None if soonest is None or soonest[0] == inf else soonest


def _slot_times(station: Station) -> list[float]:
    """When each slot becomes free; of more works than slots the last ones to end free them."""
    lefts = sorted(inf if work.left is None else work.left for work in station.works)
    return [0.0] * station.free + lefts[-station.slots :]
