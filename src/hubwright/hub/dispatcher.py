"""Who drains the queues, and when: the port `Dispatcher`, and the default, threads of this process.

A drain is a plain function: it does all the work of its queue that is due and tells when more will be. A wake is only
a hint that there is work; the rows are the truth. Every drain also runs at the start and every few seconds, so that a
hint that was lost, or a process that was killed, delays work and loses none.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from structlog.contextvars import bind_contextvars

from hubwright.domain.backoff import backoff
from hubwright.store.writers import is_outage

log = structlog.get_logger(__name__)

Drain = Callable[[], float | None]
"""Does all that is due; gives the Unix time at which the next work is due, None when there is none."""

SHORTEST_PAUSE = 0.005
"""Seconds between two drains that nobody asked for, so that a drain that is always due can't eat a core."""

RETRY_CAP = 30.0
"""Seconds between two drains of a queue whose drain fails, at most."""


class Dispatcher(Protocol):
    """Has queues drained. `start` comes first, `stop` last; every method may be called from any thread."""

    def wake(self, queue: str) -> None:
        """There is work in `queue`. Costs microseconds, never blocks, never fails; many wakes may become one drain."""

    def start(self) -> None:
        """Begin; what is already due is drained."""

    def stop(self, timeout: float) -> None:
        """End; what runs is waited for, `timeout` seconds at most."""


class InProcessDispatcher:
    """One thread per queue. Without a hint it looks after `reconcile` seconds, then ever more seldom, up to `idle`.

    `gathered`: seconds for which the hints of a queue are gathered before it is drained, where nobody waits for that.
    `spaced`: seconds from the beginning of a drain until hints begin another: only the first of many is at once.
    `on_failure` is called with the queue whose drain has failed.
    """

    def __init__(
        self,
        drains: Mapping[str, Drain],
        *,
        reconcile: float = 1.0,
        idle: float = 5.0,
        gathered: Mapping[str, float] | None = None,
        spaced: Mapping[str, float] | None = None,
        on_failure: Callable[[str], None] = lambda _queue: None,
    ) -> None:
        self._loops = {queue: _Loop(queue, drain, (reconcile, idle), on_failure) for queue, drain in drains.items()}
        for queue, loop in self._loops.items():
            loop.gathered = (gathered or {}).get(queue, 0.0)
            loop.spaced = (spaced or {}).get(queue, 0.0)

    def wake(self, queue: str) -> None:
        """Drain `queue` now, in its thread. A queue that is not ours is somebody else's: nothing happens."""
        loop = self._loops.get(queue)
        if loop is not None:
            loop.wake()

    def start(self) -> None:
        """Start the threads; each drains at once."""
        for loop in self._loops.values():
            loop.thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Let the drains that run end, `timeout` seconds in all; their threads die with the process otherwise."""
        deadline = time.monotonic() + timeout
        for loop in self._loops.values():
            loop.end()
        for loop in self._loops.values():
            loop.thread.join(max(0.0, deadline - time.monotonic()))
            if loop.thread.is_alive():
                log.warning("a drain did not end in time; its work will be done again", queue=loop.queue)


class _Loop:
    """The thread of one queue."""

    def __init__(
        self, queue: str, drain: Drain, pauses: tuple[float, float], on_failure: Callable[[str], None]
    ) -> None:
        self.queue = queue
        self.gathered = 0.0
        self.spaced = 0.0
        self.thread = threading.Thread(target=self._run, name=f"drain-{queue}", daemon=True)
        self._drain = drain
        self._reconcile, self._idle = pauses
        self._on_failure = on_failure
        self._woken = threading.Event()
        self._ending = threading.Event()

    def wake(self) -> None:
        self._woken.set()

    def end(self) -> None:
        self._ending.set()
        self._woken.set()

    def _run(self) -> None:
        bind_contextvars(queue=self.queue)  # of this thread: each line that a drain logs names its queue
        pause = self._reconcile
        failures = 0
        while not self._ending.is_set():
            self._woken.clear()  # before the drain looks: a wake from here on means another look
            begun = time.monotonic()
            try:
                due = self._drain()
            except Exception as error:  # noqa: BLE001  the thread must outlive every failure
                failures += 1
                self._on_failure(self.queue)
                _log_failure(error, self.queue, failures)
                self._ending.wait(backoff(failures, 0.1, RETRY_CAP, random.random()))  # noqa: S311  no secret
                continue
            failures = 0
            woken = self._woken.wait(self._until(due, pause))
            if woken:
                self._ending.wait(max(self.gathered, begun + self.spaced - time.monotonic()))
            pause = self._reconcile if woken else min(self._idle, 2 * pause)

    @staticmethod
    def _until(due: float | None, pause: float) -> float:
        return pause if due is None else min(pause, max(SHORTEST_PAUSE, due - time.time()))


def _log_failure(error: Exception, queue: str, failures: int) -> None:
    """A database that is away or full is one line; anything else is a fault of ours, and shows where it lies."""
    words = {"queue": queue, "failures": failures, "error": str(error).partition("\n")[0]}
    if is_outage(error):
        log.warning("a drain waits for the database", **words)
    else:
        log.error("a drain failed; it is tried again", exc_info=error, **words)
