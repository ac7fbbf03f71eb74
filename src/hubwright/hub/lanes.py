"""Work side by side, but in order within a lane: what stands behind another of its lane waits for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")

logger = structlog.get_logger()


class Lanes(Generic[T]):
    """`threads` lanes move at a time; at most `room` things are inside, and `enter` waits for room.

    `work` is called with up to `together` things of a lane; what it raises is logged.
    """

    def __init__(self, work: Callable[[list[T]], None], *, threads: int, room: int, together: int = 1) -> None:
        self._work = work
        self._together = together
        self._room = threading.Semaphore(room)
        self._size = room
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._lanes: dict[str, deque[T]] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="lane")

    @property
    def closing(self) -> bool:
        """Whether no more is taken."""
        return self._closing.is_set()

    def enter(self, lane: str, thing: T) -> None:
        """Line up in a lane. After `close` the thing is dropped."""
        self._room.acquire()
        if self.closing:
            return
        with self._lock:
            queue = self._lanes.get(lane)
            if queue is not None:
                queue.append(thing)
                return
            self._lanes[lane] = deque([thing])
        self._pool.submit(self._drive, lane)

    def moves(self, lane: str) -> bool:
        """Whether something is in the lane."""
        with self._lock:
            return lane in self._lanes

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond `close`."""
        self._closing.wait(seconds)

    def close(self) -> None:
        """Let what moves end; drop what stands."""
        self._closing.set()
        self._room.release(self._size)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _drive(self, lane: str) -> None:
        while True:
            with self._lock:
                if not self._lanes[lane] or self.closing:
                    del self._lanes[lane]
                    return
                queue = self._lanes[lane]
                things = [queue.popleft() for _ in range(min(self._together, len(queue)))]
            try:
                self._work(things)
            except Exception:  # a lane outlives all that goes through it
                logger.exception("lane_failed", lane=lane)
            finally:
                self._room.release(len(things))
