"""A bell: "there is more" for those who wait. It carries no data, so nothing is lost when nobody listens."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable

_LONG = 3600.0

STOPPING = "stopping"
"""The topic that rings once: this process stops."""


class Bell:
    """Rings by topic. `ring` may be called from any thread; `wait` belongs to the event loop.

    A waiter looks first, then waits with the count it saw, so that a ring between the two is not missed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rung = 0
        self._counts: dict[str, int] = {}  # topic -> the number of its last ring among all rings
        self._waiting: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]] = defaultdict(list)

    def count(self, topic: str) -> int:
        """A mark that changes with each ring of the topic, and never comes back; take it before looking."""
        with self._lock:
            return self._counts.get(topic, 0)

    def ring(self, topic: str) -> None:
        """Wake all who wait for the topic."""
        with self._lock:
            self._rung += 1
            self._counts[topic] = self._rung
            waiting = self._waiting.pop(topic, [])
        here = _running_loop() if waiting else None
        for loop, future in waiting:
            if loop is here:  # mostly; from another thread it costs two system calls
                _release(future)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(_release, future)

    def forget(self, topic: str) -> None:
        """Drop the topic's count when it will never ring again; wakes who still waits."""
        self.ring(topic)
        with self._lock:
            self._counts.pop(topic, None)

    async def wait(self, topic: str, seen: int, timeout: float) -> bool:
        """Until the topic rings after `seen`, or `timeout` seconds have gone; whether it rang."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._counts.get(topic, 0) != seen:
                return True
            self._waiting[topic].append((loop, future))
        try:
            async with asyncio.timeout(timeout):
                await future
        except TimeoutError:
            return False
        finally:
            self._leave(topic, future)
        return True

    async def hear(self, topic: str) -> None:
        """Until the topic rings; at once when it has ever rung."""
        while not await self.wait(topic, 0, _LONG):
            pass

    def _leave(self, topic: str, future: asyncio.Future[None]) -> None:
        with self._lock:
            waiting = [entry for entry in self._waiting.get(topic, ()) if entry[1] is not future]
            if waiting:
                self._waiting[topic] = waiting
            else:
                self._waiting.pop(topic, None)


class LoudBell(Bell):
    """A bell that one listener hears too, in the thread of whoever rings: it must be quick and never fail."""

    def __init__(self) -> None:
        super().__init__()
        self.listener: Callable[[str], None] = _ignore

    def ring(self, topic: str) -> None:
        """Wake all who wait for the topic, and tell the listener."""
        super().ring(topic)
        self.listener(topic)


def _ignore(_topic: str) -> None:
    """Before there is a listener."""


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop of this thread, while it runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _release(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
