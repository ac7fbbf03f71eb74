"""Listeners: parts of the hub that are told what happens on IRC, in order, each in a thread and at its own speed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from hubwright.domain.backoff import backoff
from hubwright.irc.events import Event

Listener = Callable[[Sequence[Event]], None]
"""Is told what happened, oldest first, in a thread: it may ask the database. What it raises is logged, and it is told
the same again, ATTEMPTS times altogether: it must bear to be told something twice."""

MOST_WAITING = 10_000
"""Events that wait for a slow listener; then the oldest are forgotten, which is logged."""

AT_ONCE = 500
"""Events that are told at once, at most."""

ATTEMPTS = 8
"""With the pauses between, two minutes: a database that is started again is back by then."""

_FIRST_RETRY, _LAST_RETRY = 0.5, 30.0

logger = structlog.get_logger()


class Pump:
    """What waits for one listener."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._waiting: deque[Event] = deque()
        self._is_more = asyncio.Event()
        self._forgotten = 0

    def add(self, event: Event) -> None:
        """Tell it when there is time."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._forgotten += 1
        self._waiting.append(event)
        self._is_more.set()

    async def run(self) -> None:
        """Tell the listener, until this is cancelled."""
        while True:
            await self._is_more.wait()
            self._is_more.clear()
            while self._waiting:
                await self._tell(self._take())

    async def finish(self) -> None:
        """Tell it once what is left."""
        if events := self._take():
            await self._try(events)

    def _take(self) -> list[Event]:
        if self._forgotten:
            logger.error("irc_events_forgotten", count=self._forgotten)
            self._forgotten = 0
        return [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]

    async def _tell(self, events: Sequence[Event]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            if await self._try(events):
                return
            await asyncio.sleep(backoff(attempt, _FIRST_RETRY, _LAST_RETRY, 0.0))
        logger.error("irc_events_not_told", count=len(events))

    async def _try(self, events: Sequence[Event]) -> bool:
        try:
            await asyncio.to_thread(self._listener, events)
        except Exception as error:  # a listener's fault must end neither the bot nor other listeners
            logger.warning("irc_listener_failed", exc_info=error)
            return False
        return True
