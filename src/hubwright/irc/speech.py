"""What is to be said, in which order and when: no server is flooded, no channel waits for another, nothing old is said.

Pure: the time is an argument. The server's own model (RFC 1459, 8.10): each line costs some seconds (PACE), and may be
sent while those of the lines before it are at most AT_ONCE such times ahead of the clock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from hubwright.domain.irc_text import Text

PACE, AT_ONCE = 2.0, 4
"""With these, which servers bear that count like RFC 1459, five lines go at once, then one every two seconds."""

MOST_WAITING = 8
"""Lines that wait for one target; what comes on top is only counted."""

MOST_TARGETS = 200
"""Targets that lines wait for; to further ones nothing is said."""

STALE = 600.0
"""Seconds after which a line is news no more."""


class Priority(IntEnum):
    """Who waits for it: somebody who asked goes before everybody who is told."""

    ANSWER = 0
    NEWS = 1


class Outcome(IntEnum):
    """What became of a line."""

    SAID = 0
    """It was sent, or stands in a "+5 more"; the server has read it and did not refuse it."""
    STALE = 1
    """It waited too long, or too many waited."""
    REFUSED = 2
    """The server did not take it: no such channel or nick, or we may not speak there."""
    LOST = 3
    """The connection was lost before the server had read it: it may or may not have been heard."""


@dataclass(eq=False, slots=True)
class Utterance:
    """A line for a channel or a nick. `more` is where the rest can be read when too many wait, such as an address.

    `waiter` is called once with what became of it.
    """

    target: str
    text: Text
    at: float
    priority: Priority = Priority.NEWS
    more: str = ""
    waiter: Callable[[Outcome], None] | None = None

    def settle(self, outcome: Outcome) -> None:
        """Tell who waits for it."""
        if self.waiter is not None:
            self.waiter(outcome)


@dataclass(slots=True)
class _Line:
    """What waits for one target, and what was too much."""

    waiting: deque[Utterance] = field(default_factory=deque)
    beyond: list[Utterance] = field(default_factory=list)


class Speech:
    """The lines that wait. One thread at a time. `pace`: seconds that a line costs."""

    def __init__(self, pace: float = PACE) -> None:
        self._pace = pace
        self._lines: dict[Priority, OrderedDict[str, _Line]] = {priority: OrderedDict() for priority in Priority}
        self._clear_at = 0.0

    def __bool__(self) -> bool:
        return any(self._lines.values())

    def add(self, utterance: Utterance) -> None:
        """Say it when its turn comes."""
        lines = self._lines[utterance.priority]
        line = lines.get(utterance.target)
        if line is None:
            if len(lines) >= MOST_TARGETS:
                utterance.settle(Outcome.STALE)
                return
            line = lines[utterance.target] = _Line()
        if len(line.waiting) < MOST_WAITING and not line.beyond:
            line.waiting.append(utterance)
        else:
            line.beyond.append(utterance)

    def charge(self, now: float, lines: float = 1.0) -> None:
        """Something else was sent, which costs as much as so many lines."""
        self._clear_at = max(self._clear_at, now) + lines * self._pace

    def pause(self, now: float) -> float:
        """Seconds until a line may go, 0 when one may."""
        return max(0.0, self._clear_at - AT_ONCE * self._pace - now)

    def take(self, now: float) -> Utterance | None:
        """The next line, which counts as sent now: those who asked first, then each target in turn."""
        for lines in self._lines.values():
            while lines:
                target, line = next(iter(lines.items()))
                utterance = _next(line, now)
                if line.waiting or line.beyond:
                    lines.move_to_end(target)
                else:
                    del lines[target]
                if utterance is not None:
                    self.charge(now)
                    return utterance
        return None

    def drop(self, now: float) -> None:
        """Forget what has become stale, so that who waits for it hears of it even when nothing can be said."""
        for lines in self._lines.values():
            for target, line in list(lines.items()):
                if (fresh := _next(line, now)) is not None:
                    line.waiting.appendleft(fresh)
                elif not line.waiting and not line.beyond:
                    del lines[target]

    def end(self) -> None:
        """Forget everything: nobody will say it."""
        for lines in self._lines.values():
            for line in lines.values():
                for utterance in (*line.waiting, *line.beyond):
                    utterance.settle(Outcome.LOST)
            lines.clear()


def _next(line: _Line, now: float) -> Utterance | None:
    """The next fresh utterance, the last of which may stand for many."""
    while line.waiting:
        utterance = line.waiting.popleft()
        if now - utterance.at <= STALE:
            return utterance
        utterance.settle(Outcome.STALE)
    beyond = [one for one in line.beyond if now - one.at <= STALE]
    for old in line.beyond[: len(line.beyond) - len(beyond)]:
        old.settle(Outcome.STALE)
    line.beyond.clear()
    if len(beyond) <= 1:
        return beyond[0] if beyond else None
    last = beyond[-1]
    text = f"+{len(beyond)} more: {last.more}" if last.more else f"+{len(beyond)} more"
    return Utterance(last.target, text, last.at, last.priority, last.more, _settle_all(beyond))


def _settle_all(utterances: list[Utterance]) -> Callable[[Outcome], None]:
    def settle(outcome: Outcome) -> None:
        for utterance in utterances:
            utterance.settle(outcome)

    return settle
