"""Why a run waits: reasons with a kind for programs and a sentence for people."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hubwright.domain.estimates import Estimates, Station, Waiter
from hubwright.domain.scheduling import ANY_PLATFORM, Want, fits, suits
from hubwright.domain.wording import word_count, word_duration

FETCHING = "The repository is being fetched."
"""The problem of a build until its repository has been asked for the first time."""

_NAMED = 3
"""Builders that a sentence names; the others are counted."""

_LISTED = 20
"""Builders, and runs of each, that a reason lists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One thing that a run waits for. `more` is told to programs beside the sentence, as JSON; `again` in it is when
    it is tried again (Unix seconds), None when nobody knows.

    Kinds: `no_builder_ever`, `builders_away`, `builders_paused`, `builders_draining`,
    `builders_on_demand`, `all_busy`, `behind`, `starting`,
    `held`, `approver`, `fetching`, `retry_later`,
    `group_full`, `job_full`, `platform_full`, `job_paused`, `platform_paused`, `hub_paused`.
    """

    kind: str
    sentence: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Why a run waits, the weightiest reason first; which builders may take it, and when one should.

    `ahead` counts the runs due before it that the same builders may take; `estimate` is seconds until it should
    start, None when nobody knows.
    """

    run: int
    want: Want
    reasons: tuple[Reason, ...]
    ahead: int = 0
    eligible: tuple[str, ...] = ()
    estimate: float | None = None

    @property
    def sentence(self) -> str:
        """All reasons in words."""
        return " ".join(reason.sentence for reason in self.reasons)


def hide_others(waiting: Waiting) -> Waiting:
    """The same for who may not know of other jobs and of builders: only the kinds of its reasons."""
    reasons = tuple(Reason(kind=reason.kind, sentence="It waits its turn.") for reason in waiting.reasons[:1])
    return replace(waiting, reasons=reasons, eligible=())


class Line:
    """The queue, first come first, or its beginning, before the builders as they stand. `now` in Unix seconds."""

    def __init__(self, waiters: Sequence[Waiter], stations: Iterable[Station], now: float) -> None:
        self._now = now
        self.stations = tuple(stations)
        self._places: dict[Want, list[int]] = {}
        self._waiters: dict[int, tuple[int, Waiter]] = {}
        for place, waiter in enumerate(waiters):
            self._places.setdefault(waiter.want, []).append(place)
            self._waiters[waiter.run] = place, waiter
        self._estimates = Estimates(self.stations)
        self._starts = [self._estimates.enter(waiter) for waiter in waiters]
        self._eligible: dict[Want, tuple[Station, ...]] = {}
        self._rivals: dict[Want, list[Want]] = {}
        self._shut: dict[Want, tuple[Reason, ...]] = {}

    def __contains__(self, run: int) -> bool:
        return run in self._waiters

    def estimate(self, want: Want) -> float | None:
        """Seconds until a run that wants this and is the last of the line should start; None when nobody knows."""
        return self._estimates.look(want)

    def explain(self, run: int) -> Waiting:
        """Why this run waits. KeyError when it is not in the line."""
        place, waiter = self._waiters[run]
        eligible = self.eligible(waiter.want)
        ahead = sum(bisect_left(self._places[want], place) for want in self._rivals_of(waiter.want))
        return Waiting(
            run=run,
            want=waiter.want,
            reasons=self._shut_of(waiter.want) or explain_want(waiter.want, eligible, self.stations, ahead, self._now),
            ahead=ahead,
            eligible=tuple(station.name for station in eligible),
            estimate=self._starts[place],
        )

    def _shut_of(self, want: Want) -> tuple[Reason, ...]:
        """Why nobody takes runs that want this; they are many, and have the same reason."""
        if want not in self._shut:
            eligible = self.eligible(want)
            closed = not any(station.open for station in eligible)
            self._shut[want] = explain_want(want, eligible, self.stations, 0, self._now) if closed else ()
        return self._shut[want]

    def eligible(self, want: Want) -> tuple[Station, ...]:
        """The builders that may take such a run, away or not."""
        if want not in self._eligible:
            self._eligible[want] = tuple(station for station in self.stations if suits(want, station))
        return self._eligible[want]

    def _rivals_of(self, want: Want) -> list[Want]:
        """The wants that one of the same builders may meet, `want` itself included."""
        if want not in self._rivals:
            mine = {station.name for station in self.eligible(want)}
            self._rivals[want] = [
                other
                for other in self._places
                if other == want or any(station.name in mine for station in self.eligible(other))
            ]
        return self._rivals[want]


def explain_want(
    want: Want, eligible: Sequence[Station], stations: Iterable[Station], ahead: int, now: float
) -> tuple[Reason, ...]:
    """Why a run that wants this and has `ahead` runs before it is not given to one of the eligible builders."""
    if not eligible:
        return (_nobody_ever(want, stations),)
    able = [station for station in eligible if station.open]
    if not able:
        return tuple(_shut(state, eligible, now) for state in _SHUT if any(one.state == state for one in eligible))
    reasons = [] if any(station.free for station in able) else [_all_busy(want, able)]
    if ahead:
        sentence = f"{word_count(ahead, 'run')} {'is' if ahead == 1 else 'are'} due before it."
        reasons.append(Reason(kind="behind", sentence=sentence, more={"ahead": ahead}))
    if not reasons:
        free = next(station for station in able if station.free)
        sentence = f"Builder {free.name} is free and is being given the run."
        reasons.append(Reason(kind="starting", sentence=sentence, more={"builder": free.name}))
    return tuple(reasons)


def explain_held(sha: str) -> Reason:
    """Of a run of commit `sha` that waits for approval."""
    sentence = f"It waits for approval of {sha[:7]} by someone with write access to the repository."
    return Reason(kind="held", sentence=sentence, more={"sha": sha})


def explain_doubted(approver: str, problem: str | None, again: float | None, now: float) -> Reason:
    """Of a run that somebody approved of whom GitHub is asked again, at `again`, whether they may still write."""
    sentence = f"It is asked whether {approver}, who approved it, may still write to the repository."
    if problem is not None:
        sentence += f" That is tried again {_when(again, now)}: {problem}"
    return Reason(kind="approver", sentence=sentence, more={"approver": approver, "again": again})


def explain_unplanned(problem: str | None, *, failed: bool, again: float | None, now: float) -> Reason:
    """Of a build that has no runs yet; `failed`: its repository did not answer, and is asked again at `again`."""
    if failed:
        sentence = f"It is tried again {_when(again, now)}: {problem}"
        return Reason(kind="retry_later", sentence=sentence, more={"again": again})
    return Reason(kind="fetching", sentence="Its repository is being fetched and its recipe read.")


def _when(again: float | None, now: float) -> str:
    if again is None:
        return "by itself"
    return f"by itself in {word_duration(again - now)}" if again > now else "by itself just now"


def name_want(want: Want) -> str:
    """`'freebsd-*' with the labels big and gpu`."""
    place = "any platform" if want.platform == ANY_PLATFORM else f"'{want.platform}'"
    if not want.labels:
        return place
    noun = "label" if len(want.labels) == 1 else "labels"
    return f"{place} with the {noun} {_list(want.labels, len(want.labels))}"


def _nobody_ever(want: Want, stations: Iterable[Station]) -> Reason:
    command = " ".join(["hubwright builder", *(f"--label {label}" for label in want.labels)])
    sentence = f"No builder has ever matched {name_want(want)}: start one with `{command}`."
    near = [
        {"builder": station.name, "lacks": sorted(set(want.labels) - set(station.labels))}
        for station in stations
        if fits(want.platform, station.platform)
    ]
    near.sort(key=lambda one: (len(one["lacks"]), one["builder"]))
    if near:
        sentence += f" Builder {near[0]['builder']} lacks {_list(near[0]['lacks'], _LISTED)}."
    more = {"platform": want.platform, "labels": list(want.labels), "near": near[:_LISTED]}
    return Reason(kind="no_builder_ever", sentence=sentence, more=more)


_SHUT = {
    "on_demand": "started on demand, as now",
    "paused": "paused",
    "draining": "leaving and takes no more runs",
    "away": "away",
}
"""How builders that take no runs are, and what is said of one."""


def _shut(state: str, eligible: Sequence[Station], now: float) -> Reason:
    shut = [station for station in eligible if station.state == state]
    shut.sort(key=lambda station: -(station.seen_at or 0.0))
    names = _list([station.name for station in shut], _NAMED)
    what = _SHUT[state]
    if len(shut) > 1:
        what = what.replace("takes", "take")
    sentence = f"Builder{'s' if len(shut) > 1 else ''} {names} {'are' if len(shut) > 1 else 'is'} {what}"
    if state == "away" and (seen := shut[0].seen_at) is not None:
        sentence += f", {'the last one ' if len(shut) > 1 else ''}for {word_duration(now - seen)}"
    builders = [{"name": station.name, "since": station.seen_at} for station in shut[:_LISTED]]
    return Reason(kind=f"builders_{state}", sentence=sentence + ".", more={"builders": builders})


def _all_busy(want: Want, able: Sequence[Station]) -> Reason:
    slots = sum(station.slots for station in able)
    who = f"Builder {able[0].name}" if len(able) == 1 else f"All {len(able)} builders for {name_want(want)}"
    builds = [f"{work.job} #{work.number}" for station in able for work in station.works]
    doing = f" with {_list(builds, _NAMED)}" if builds else ""
    sentence = f"{who} {'is' if len(able) == 1 else 'are'} busy{doing} ({word_count(slots, 'slot')})."
    if slots == 0:
        sentence = f"{who} {'has' if len(able) == 1 else 'have'} no slot now and may add one."
    builders = [
        {
            "name": station.name,
            "slots": station.slots,
            "running": [
                {"run": work.run, "build": work.build, "job": work.job, "number": work.number, "left": work.left}
                for work in station.works[:_LISTED]
            ],
        }
        for station in able[:_LISTED]
    ]
    return Reason(kind="all_busy", sentence=sentence, more={"slots": slots, "builders": builders})


def _list(names: Sequence[str], most: int) -> str:
    """`a`, `a and b`, `a, b and 5 more`."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
