"""Taking in goes before understanding: while many requests are inside, intake lets them pass for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BUSY = 8
"""Requests inside at once from which on the doors count as busy."""

SETTLED = 0.02
"""Seconds after a crowd from which on the doors count as calm: a commit answers all of it at once, and it is back."""

PATIENCE = 0.25
"""Seconds that understanding one delivery is put off, at most: under a lasting flood it goes on, slowly."""


class Pressure:
    """How busy the doors are. `note` belongs to the event loop; `yield_to_doors` to any thread."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._busy = False
        self._calm = threading.Event()
        self._calm.set()
        self._calm_from = clock()

    def note(self, inside: int) -> None:
        """So many requests are inside now."""
        if (inside >= BUSY) is not self._busy:
            self._busy = not self._busy
            if self._busy:
                self._calm.clear()
            else:
                self._calm_from = self._clock() + SETTLED
                self._calm.set()

    def yield_to_doors(self) -> None:
        """Return when the doors are calm, or after PATIENCE."""
        until = self._clock() + PATIENCE
        while self._calm.wait(max(0.0, until - self._clock())):
            left = min(self._calm_from, until) - self._clock()
            if left <= 0:
                return
            self._pause(left)
