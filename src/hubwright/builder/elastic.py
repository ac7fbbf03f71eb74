"""A builder's slots as they grow and shrink: the policy of `slots`, fed with what this machine and the hub say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psutil
import structlog

from hubwright.builder.slots import Bounds, Rules, Situation, first_slots, next_slots
from hubwright.wire import Message
from hubwright.wire import Slots as SlotsMessage

_LOOK = 0.5  # seconds between looks at the situation

log = structlog.get_logger()


class ElasticSlots:
    """Keeps the number of slots."""

    def __init__(self, bounds: Bounds, rules: Rules) -> None:
        self._slots = first_slots(bounds)
        self._rules = rules
        self._waiting = 0
        self._news = asyncio.Event()

    @property
    def number(self) -> int:
        """How many there are now."""
        return self._slots.number

    @property
    def most(self) -> int:
        """How many there may be; nought when the number never changes."""
        return 0 if self._slots.bounds.fixed else self._slots.bounds.most

    def hear(self, waiting: int) -> None:
        """The hub says how many runs wait for a builder like this."""
        self._waiting = waiting
        self._news.set()

    async def keep(self, running: Callable[[], int], tell: Callable[[Message], Awaitable[None]]) -> None:
        """Decide again and again, and tell the hub of each change; until cancelled."""
        if self._slots.bounds.fixed:
            await asyncio.Event().wait()
        psutil.cpu_percent()  # the first asks since when
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(_LOOK):
                    await self._news.wait()
            except TimeoutError:
                pass
            self._news.clear()
            before = self._slots.number
            self._slots = next_slots(self._slots, loop.time(), _look(running(), self._waiting), self._rules)
            if self._slots.number != before:
                log.info("slots_changed", slots=self._slots.number, waiting=self._waiting)
                await tell(SlotsMessage(slots=self._slots.number))


def _look(running: int, waiting: int) -> Situation:
    memory = psutil.virtual_memory()
    return Situation(
        running=running,
        waiting=waiting,
        busy=psutil.cpu_percent() / 100,
        memory=memory.available / memory.total if memory.total else 1.0,
    )
