"""Logs for those who read in threads: what lies with another hub is brought here first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubwright.hub.logs import Logs


@dataclass(frozen=True, slots=True)
class AnyLogs:
    """Every log of the installation. `bring` blocks until what there is of a run's log is here, or for seconds."""

    logs: Logs
    bring: Callable[[int], bool] = lambda _run: True

    def size(self, run: int) -> int:
        """Bytes in the log; nought when there is none yet, or it can't be had. Raises StorageError."""
        self.bring(run)
        return self.logs.size(run)

    def read(self, run: int, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`. Raises StorageError."""
        self.bring(run)
        return self.logs.read(run, start, length)
