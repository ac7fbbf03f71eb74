"""A connection's pulse: how long a builder takes to answer, and how far its clock is from ours.

Only a steady clock measures; the wall clock is read to compare it with the builder's, and may jump.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from hubwright.wire import Ping, Pong

KEPT = 7
"""Answers whose median counts: one slow answer or a jump in between changes nothing."""

ENOUGH = 3
"""Answers after which the figures are worth noting."""

SKEWED = 5.0
"""Seconds that a builder's clock may be off; beyond, people are warned and its times are corrected."""

PATIENCE = 60.0
"""Seconds after which an unanswered ping is forgotten."""


class Pulse:
    """Asked and answered. All times in seconds; `steady` never jumps, `wall` is Unix time."""

    def __init__(self) -> None:
        self._asked: dict[float, float] = {}  # the ping's `at` -> when, by the steady clock
        self._lags: deque[float] = deque(maxlen=KEPT)
        self._skews: deque[float] = deque(maxlen=KEPT)

    def ask(self, wall: float, steady: float) -> Ping:
        """The ping to send now."""
        self._asked = {at: since for at, since in self._asked.items() if steady - since < PATIENCE}
        self._asked[wall] = steady
        return Ping(at=wall)

    def hear(self, pong: Pong, wall: float, steady: float) -> None:
        """An answer. One that answers nothing of ours, or comes a second time, is not believed."""
        asked = self._asked.pop(pong.at, None)
        if asked is None:
            return
        lag = max(steady - asked, 0.0)
        self._lags.append(lag)
        if pong.clock:
            self._skews.append(pong.clock - (wall - lag / 2))

    @property
    def settled(self) -> bool:
        """Whether enough answers have come."""
        return len(self._lags) >= ENOUGH

    @property
    def lag(self) -> float | None:
        """How long an answer takes, the median; None before the first."""
        return median(self._lags) if self._lags else None

    @property
    def skew(self) -> float | None:
        """How far the builder's clock is ahead of ours, the median; None before the first answer."""
        return median(self._skews) if self._skews else None
