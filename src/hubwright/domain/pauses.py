"""Pauses of the hub, of a platform and of a job: who did it and when, and how runs that wait for that are explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hubwright.domain.estimates import Station
from hubwright.domain.scheduling import fits
from hubwright.domain.waiting import Reason
from hubwright.domain.wording import word_age, word_count


@dataclass(frozen=True, slots=True)
class Pause:
    """Who has paused something, and when (Unix seconds)."""

    by: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Stops:
    """What keeps runs from starting in the whole hub: pauses, and how many runs may go on at once on platforms."""

    hub: Pause | None = None
    platforms: Mapping[str, Pause] = field(default_factory=dict)  # by name or glob
    limits: Mapping[str, int] = field(default_factory=dict)  # by name or glob

    @property
    def narrows(self) -> bool:
        """Whether a platform may be stopped."""
        return bool(self.platforms or self.limits)


def explain_hub(pause: Pause, now: float) -> Reason:
    """Of whatever waits while the hub is paused."""
    return _explain("hub_paused", "The hub is paused: nothing new starts.", pause, now)


def explain_job(pause: Pause, now: float) -> Reason:
    """Of a build whose job is paused."""
    return _explain("job_paused", "The job is paused.", pause, now)


def explain_stops(eligible: Sequence[Station], stops: Stops, now: float) -> tuple[Reason, ...]:
    """Why a run can't start on any of the builders that may take it, because of what counts for the whole hub.

    Nothing, when a builder that takes runs is on a platform that is not stopped.
    """
    if stops.hub is not None:
        return (explain_hub(stops.hub, now),)
    able = [station for station in eligible if station.open]
    reasons: dict[str, Reason] = {}
    for station in able:
        glob = next((glob for glob in stops.platforms if fits(glob, station.platform)), None)
        if glob is not None:
            said = _explain("platform_paused", f"Platform '{glob}' is paused.", stops.platforms[glob], now)
            reasons[glob] = Reason(kind=said.kind, sentence=said.sentence, more={**said.more, "platform": glob})
            continue
        full = next((glob for glob in stops.limits if _is_full(glob, stops, able)), None)
        if full is None or not fits(full, station.platform):
            return ()
        limit = stops.limits[full]
        sentence = f"The hub lets {word_count(limit, 'run')} go on at a time on '{full}'."
        reasons[full] = Reason(kind="platform_full", sentence=sentence, more={"platform": full, "limit": limit})
    return tuple(reasons.values())


def _is_full(glob: str, stops: Stops, stations: Sequence[Station]) -> bool:
    return sum(len(one.works) for one in stations if fits(glob, one.platform)) >= stops.limits[glob]


def _explain(kind: str, what: str, pause: Pause, now: float) -> Reason:
    sentence = f"{what} {pause.by} did that {word_age(max(now - pause.at, 0.0))}."
    return Reason(kind=kind, sentence=sentence, more={"by": pause.by, "since": pause.at})
