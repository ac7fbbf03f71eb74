"""What one token may ask of GitHub, and when: the hour's limit, the minute's points, the pace of writes, pauses.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

LONGEST_PAUSE = 3900.0
"""GitHub's windows are an hour, in seconds; a time further away comes from a clock that is wrong."""

LATE = 0.1
"""Seconds by which a write may miss its turn; a later one would come too near to the next and needs another turn."""

READ_POINTS, WRITE_POINTS = 1, 5
"""What a request costs of the minute's points."""

_MINUTE, _HOUR = 60.0, 3600.0
_FINE, _COARSE = 1.0, 60.0
"""Seconds that are counted together: of the windows of a minute, and of those of an hour."""

Window = tuple[tuple[int, int], ...]
"""What was spent: (number of the time slot, how much), oldest first."""


class Priority(IntEnum):
    """Who asks; a lower one may go on where a higher one has to wait."""

    BUILD = 0  # a build or its report waits for it
    SOON = 1  # a person, or a record that a webhook told in part
    BULK = 2  # whole listings, sweeps


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """The hour's limit as GitHub told it; `reset_at` is Unix time by our clock."""

    limit: int
    remaining: int
    reset_at: float
    resource: str = "core"


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What is never gone beyond. `content` are writes that notify people.

    `write_interval` is in seconds: the one that GitHub asks for at its end, and a quarter that may be lost on the way.
    """

    points_per_minute: int = 900
    write_interval: float = 1.25
    writes_per_minute: int = 80
    content_per_hour: int = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A wish to send one request."""

    priority: Priority = Priority.BUILD
    writes: bool = False
    content: bool = False

    @property
    def points(self) -> int:
        """What it costs of the minute's points."""
        return WRITE_POINTS if self.writes else READ_POINTS


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """The answer to an `Ask`: `granted` in `wait` seconds, which are then taken; or not, and worth asking again then.

    `at` is the Unix time of a granted turn. `limits_before` counts the limits that were met in a row.
    """

    granted: bool
    wait: float = 0.0
    at: float = 0.0
    reason: str = ""
    limits_before: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What is known of one token; times are Unix seconds. `told_at` is when GitHub gave the figures."""

    figures: Figures | None = None
    told_at: float = 0.0
    paused_until: float = 0.0
    limits_met: int = 0
    wrote_at: float = 0.0
    points: Window = ()
    writes: Window = ()
    content: Window = ()


FLOORS: Mapping[Priority, float] = {Priority.BUILD: 0.0, Priority.SOON: 0.1, Priority.BULK: 0.2}
"""The share of the hour's and the minute's limit that a priority leaves to more urgent ones."""

PATIENCE: Mapping[Priority, float] = {Priority.BUILD: 30.0, Priority.SOON: 10.0, Priority.BULK: 2.0}
"""Seconds for which a turn is given in advance; later ones are not granted, so that nobody blocks a thread for long."""


def admit(budget: Budget, ask: Ask, limits: Limits, now: float) -> tuple[Budget, Turn]:
    """Give the ask its turn, and what is left then. A turn that is not granted changes nothing."""
    until, reason = _find_stop(budget, ask, now)
    if until > now:
        return budget, Turn(granted=False, wait=until - now, reason=reason, limits_before=budget.limits_met)
    at = _find_room(budget, ask, limits, now)
    if at - now > PATIENCE[ask.priority]:
        reason = "as many requests wait as the pace lets through"
        return budget, Turn(granted=False, wait=at - now, reason=reason, limits_before=budget.limits_met)
    return _spend(budget, ask, at, now), Turn(granted=True, wait=at - now, at=at, limits_before=budget.limits_met)


def note_answer(budget: Budget, figures: Figures | None, now: float) -> Budget:
    """GitHub answered at `now`: its newest figures are the truth, and the next limit is the first again.

    Answers that come during a pause were under way before it, and end no row of limits.
    """
    met = budget.limits_met if is_paused(budget, now) else 0
    if figures is None or figures.resource != "core" or _past(budget.told_at, now) > now:
        return replace(budget, limits_met=met)
    return replace(budget, limits_met=met, figures=figures, told_at=now)


def note_limit(budget: Budget, now: float, seconds: float) -> Budget:
    """GitHub asked to wait. Requests that were under way together count as one limit."""
    met = budget.limits_met + (1 if now >= budget.paused_until else 0)
    return replace(budget, limits_met=met, paused_until=max(_past(budget.paused_until, now), now + seconds))


def is_paused(budget: Budget, now: float) -> bool:
    """Whether nobody may ask."""
    return _past(budget.paused_until, now) > now


def _find_stop(budget: Budget, ask: Ask, now: float) -> tuple[float, str]:
    """Until when such asks have to wait, and why."""
    paused = _past(budget.paused_until, now)
    if paused > now:
        return paused, "GitHub asked to wait"
    figures = budget.figures
    if figures is None or figures.remaining > figures.limit * FLOORS[ask.priority]:
        return 0.0, ""
    kept = "is used up" if ask.priority is Priority.BUILD else "is kept for builds from here on"
    return _past(figures.reset_at, now), f"GitHub's rate limit {kept}"


def _find_room(budget: Budget, ask: Ask, limits: Limits, now: float) -> float:
    """The first moment at which no pace is gone beyond."""
    most = int(limits.points_per_minute * (1 - FLOORS[ask.priority]))
    times = [_fits_at(_Span(budget.points, _MINUTE, _FINE), ask.points, most, now)]
    if ask.writes:
        # A time far ahead was kept before the clock was set back.
        wrote = budget.wrote_at if budget.wrote_at < now + _MINUTE else now
        times.append(wrote + limits.write_interval)
        times.append(_fits_at(_Span(budget.writes, _MINUTE, _FINE), 1, limits.writes_per_minute, now))
    if ask.content:
        times.append(_fits_at(_Span(budget.content, _HOUR, _COARSE), 1, limits.content_per_hour, now))
    return max(now, *times)


def _spend(budget: Budget, ask: Ask, at: float, now: float) -> Budget:
    figures = budget.figures
    if figures is not None:
        # GitHub's next answer tells better; until then others see that one more is under way.
        figures = replace(figures, remaining=max(0, figures.remaining - 1)) if at < figures.reset_at else None
    points = _add(_Span(budget.points, _MINUTE, _FINE), ask.points, at, now)
    writes = _add(_Span(budget.writes, _MINUTE, _FINE), 1, at, now) if ask.writes else budget.writes
    content = _add(_Span(budget.content, _HOUR, _COARSE), 1, at, now) if ask.content else budget.content
    wrote_at = at if ask.writes else budget.wrote_at
    return replace(budget, figures=figures, points=points, writes=writes, content=content, wrote_at=wrote_at)


@dataclass(frozen=True, slots=True)
class _Span:
    """A window that looks back `seconds`, counted in slots of `grain` seconds."""

    window: Window
    seconds: float
    grain: float

    def leaves_at(self, slot: int) -> float:
        """When everything of a slot is out of the window."""
        return (slot + 1) * self.grain + self.seconds

    def kept(self, now: float) -> list[tuple[int, int]]:
        """What still counts; slots far ahead are from before the clock was set back."""
        return [
            (slot, spent)
            for slot, spent in self.window
            if self.leaves_at(slot) > now and slot * self.grain < now + _MINUTE
        ]


def _fits_at(span: _Span, cost: int, most: int, now: float) -> float:
    """The first moment at which `cost` more are at most `most` within the window."""
    kept = span.kept(now)
    total, at = sum(spent for _, spent in kept), now
    for slot, spent in kept:
        if total + cost <= most:
            break
        total -= spent
        at = max(at, span.leaves_at(slot))
    return at


def _add(span: _Span, cost: int, at: float, now: float) -> Window:
    """The window with what is spent at `at`; all that counts now stays, for others may ask for an earlier turn."""
    slot = int(at // span.grain)
    spent = dict(span.kept(now))
    spent[slot] = spent.get(slot, 0) + cost
    return tuple(sorted(spent.items()))


def _past(moment: float, now: float) -> float:
    """The moment, 0 when it is so far ahead that the clock must have been set back."""
    return moment if moment - now <= LONGEST_PAUSE else 0.0
