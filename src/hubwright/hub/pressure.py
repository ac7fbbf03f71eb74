"""Taking in goes before understanding: while many requests are inside, intake lets them pass for a moment."""

from __future__ import annotations

import threading

BUSY = 8
"""Requests inside at once from which on the doors count as busy."""

PATIENCE = 0.25
"""Seconds that understanding one delivery is put off, at most: under a lasting flood it goes on, slowly."""


class Pressure:
    """How busy the doors are. `note` belongs to the event loop; `yield_to_doors` to any thread."""

    def __init__(self) -> None:
        self._busy = False
        self._calm = threading.Event()
        self._calm.set()

    def note(self, inside: int) -> None:
        """So many requests are inside now."""
        if (inside >= BUSY) is not self._busy:
            self._busy = not self._busy
            if self._busy:
                self._calm.clear()
            else:
                self._calm.set()

    def yield_to_doors(self) -> None:
        """Return when the doors are calm, or after PATIENCE."""
        self._calm.wait(PATIENCE)
