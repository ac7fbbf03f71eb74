"""The gate that every request to GitHub passes: one budget for each credential, shared by all who ask with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from hubwright.domain.github_budget import Ask, Budget, Figures, Limits, Turn, admit, note_answer, note_limit


class BudgetGate(Protocol):
    """Keeps budgets by the name of their credential. Safe from many threads; implementations may span processes."""

    def enter(self, name: str, ask: Ask) -> Turn:
        """Ask for a turn; a granted one is spent."""

    def note(self, name: str, figures: Figures | None) -> None:
        """GitHub answered, and told these figures."""

    def pause(self, name: str, seconds: float) -> None:
        """GitHub asked to wait: nobody gets a turn for `seconds`."""

    def look(self, name: str) -> Budget:
        """What is known of a credential."""


class MemoryGate:
    """The gate of one process; `clock` tells Unix time."""

    def __init__(self, limits: Limits | None = None, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits or Limits()
        self._clock = clock
        self._lock = threading.Lock()
        self._budgets: dict[str, Budget] = {}

    def enter(self, name: str, ask: Ask) -> Turn:
        """Ask for a turn; a granted one is spent."""
        with self._lock:
            self._budgets[name], turn = admit(self.look(name), ask, self._limits, self._clock())
            return turn

    def note(self, name: str, figures: Figures | None) -> None:
        """GitHub answered, and told these figures."""
        with self._lock:
            self._budgets[name] = note_answer(self.look(name), figures, self._clock())

    def pause(self, name: str, seconds: float) -> None:
        """GitHub asked to wait: nobody gets a turn for `seconds`."""
        with self._lock:
            self._budgets[name] = note_limit(self.look(name), self._clock(), seconds)

    def look(self, name: str) -> Budget:
        """What is known of a credential."""
        return self._budgets.get(name, Budget())
