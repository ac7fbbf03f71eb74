"""Doing what only one of several processes may do: as long as this one has the duty, and no moment longer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial

import structlog

from hubwright.store.database import Database
from hubwright.store.duties import give_back_duty, load_holder, take_duty
from hubwright.store.writers import is_outage
from hubwright.wiring.owners import is_gone

LEASE = 30.0
"""Seconds after which another process takes over from one that was killed elsewhere; on the same machine at once."""

LOOK = 3.0
"""Seconds between two looks whether the duty is to be had; who has it renews it after a third of LEASE."""

logger = structlog.get_logger()


class Duty:
    """`owner` names this process."""

    def __init__(self, database: Database, name: str, owner: str, *, lease: float = LEASE, look: float = LOOK) -> None:
        self._database = database
        self._name = name
        self._owner = owner
        self._lease = lease
        self._look = look
        self._lock = threading.Lock()  # a look that nobody waits for any more must not take what was given back
        self._is_ending = False
        self._ours_until = 0.0  # by the clock that does not jump

    async def serve(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Whenever the duty is ours do `work`, which ends when it is cancelled; until this is cancelled."""
        task: asyncio.Task[None] | None = None
        try:
            while True:
                if await asyncio.to_thread(self._take):
                    logger.info("duty_taken", duty=self._name)
                    task = asyncio.create_task(work())
                    await self._hold(task)
                    logger.warning("duty_lost", duty=self._name)
                await asyncio.sleep(self._look)
        finally:
            if task is not None:
                await _end(task)
            await asyncio.to_thread(self._give_back)

    async def _hold(self, task: asyncio.Task[None]) -> None:
        """Return when the duty is lost. A database that is away may have given it to another when the time is over."""
        while not task.done() and (await asyncio.to_thread(self._take) or time.monotonic() < self._ours_until):
            await asyncio.wait([task], timeout=self._lease / 3)
        await _end(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("duty_failed", duty=self._name, exc_info=error)

    def _take(self) -> bool:
        begun, now = time.monotonic(), time.time()
        take = partial(
            take_duty, name=self._name, owner=self._owner, now=now, until=now + self._lease,
            is_gone=lambda other: is_gone(other, self._owner),
        )  # fmt: skip
        try:
            with self._lock:
                taken: bool = not self._is_ending and self._may_be_had(now) and self._database.write(take)
        except Exception as error:
            if not is_outage(error):
                raise
            return False
        self._ours_until = begun + self._lease if taken else 0.0
        return taken

    def _may_be_had(self, now: float) -> bool:
        """A look first: who waits writes nothing."""
        with self._database.reading() as connection:
            holder = load_holder(connection, self._name, now)
        return holder is None or holder == self._owner or is_gone(holder, self._owner)

    def _give_back(self) -> None:
        try:
            with self._lock:
                self._is_ending = True
                self._database.write(partial(give_back_duty, name=self._name, owner=self._owner))
        except Exception as error:
            if not is_outage(error):
                raise
            logger.warning("duty_not_given_back", duty=self._name)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
