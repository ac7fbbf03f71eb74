"""The first processes of the stages that run: whoever clears up after others must leave them alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock
from typing import TypeVar

from hubwright.builder.executors import Running

R = TypeVar("R", bound=Running)


class Leaders:
    """Used from several threads: commands are started by one, runs are cleared up after in others."""

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self._turn = Lock()

    def follow(self, start: Callable[[], R]) -> R:
        """Start a command and count its process among the leaders until it has ended; raises as `start` does."""
        with self._turn:  # there is no moment in which it is there and not counted
            running = start()
            self._pids.add(running.pid)
        running.finished.add_done_callback(lambda _: self._pids.discard(running.pid))
        return running

    def exclude(self, pids: Iterable[int]) -> list[int]:
        """Those of the processes, which the caller has seen before it called, that lead no stage."""
        with self._turn:
            return [pid for pid in pids if pid not in self._pids]
