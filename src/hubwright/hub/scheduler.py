"""Walk 3 begins: pair waiting runs with free builders, lease them, send them; take back what was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.results import Result
from hubwright.domain.scheduling import FreeBuilder, pair
from hubwright.errors import WireError
from hubwright.hub import moves
from hubwright.hub.sessions import Sessions
from hubwright.store import builders, runs
from hubwright.store.database import Database, is_outage
from hubwright.store.facts import keep_facts

LOOK_AGAIN = 1.0
"""Seconds after which the scheduler looks by itself, whatever hint was lost."""

SEEN_EVERY = 30.0
"""Seconds between the notes that connected builders live."""

AWAY_AFTER = 45.0
"""Seconds without such a note after which a builder is connected nowhere, whatever its row says."""

logger = structlog.get_logger()


class Scheduler:
    """Schedules for the builders connected to this process. `lost_after` in seconds."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        clock: Callable[[], float],
        on_facts: Callable[[], None],
        *,
        lost_after: float,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._clock = clock
        self._on_facts = on_facts
        self._lost_after = lost_after
        self._started_at = clock()
        self._seen_at = clock()
        self._looked_at = asyncio.get_running_loop().time()
        self._wanted = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """There may be something to do; from any thread."""
        if not self._wanted.is_set() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wanted.set)

    async def run(self) -> None:
        """Schedule until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            try:
                await self._step()
            except Exception as error:
                if not is_outage(error):
                    logger.exception("scheduling_failed")
                await asyncio.sleep(LOOK_AGAIN)

    async def _step(self) -> None:
        """Hints may come without a pause, so what has no hint is looked at by time."""
        await self._lease()
        await self._cancel()
        if self._loop.time() - self._looked_at >= LOOK_AGAIN:
            self._looked_at = self._loop.time()
            await self._look_around()
            await self._take_back()

    async def _lease(self) -> None:
        free = self._sessions.free()
        if not free:
            return
        rows = await self._database.write_soon(partial(_lease_for, free=free, now=self._clock()))
        if rows:
            self._on_facts()
        outcomes = await asyncio.gather(*map(self._sessions.assign, rows), return_exceptions=True)
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, WireError):  # as it is, nobody can ever run it
                await self._database.write_soon(partial(_end, row=row, why=str(outcome), now=self._clock()))
                self._on_facts()
                self.wake()
            elif isinstance(outcome, Exception):  # one bad assignment stops no other; it is found again as a stray
                logger.error("assignment_failed", exc_info=outcome)

    async def _cancel(self) -> None:
        for row in await self._database.read(runs.load_cancelled):
            if not await self._sessions.cancel(row) and row.builder not in self._sessions.names():
                await self._database.write_soon(partial(_end_cancelled, row=row, now=self._clock()))
                self._on_facts()

    async def _look_around(self) -> None:
        """Note that the connected builders live, and find the runs that they were given and do not have."""
        now = self._clock()
        if abs(now - self._seen_at) < SEEN_EVERY:
            return
        self._seen_at = now
        lags = self._sessions.lags()
        await self._database.write_soon(lambda connection: builders.keep_seen(connection, lags, now))
        given = await self._database.read(lambda connection: runs.load_held_long(connection, lags, now - SEEN_EVERY))
        strays = [row for row in given if row.builder in lags and not self._sessions.holds(row)]
        if strays:
            await self._database.write_soon(partial(_put_back, strays=strays, now=now))
            self._on_facts()
            self.wake()

    async def _take_back(self) -> None:
        """A builder that nobody has seen for long has lost its runs. After a start all get time to come back."""
        now = self._clock()
        if now - self._started_at < self._lost_after + SEEN_EVERY:
            return
        unseen_since = now - self._lost_after - SEEN_EVERY
        lost = await self._database.read(lambda connection: runs.load_lost(connection, unseen_since))
        lost = [row for row in lost if row.builder not in self._sessions.names()]
        if lost:
            await self._database.write_soon(partial(_lose, lost=lost, now=now))
            self._on_facts()
            self.wake()


def _lease_for(connection: Connection, free: Sequence[FreeBuilder], now: float) -> list[Row[Any]]:
    slots = sum(builder.slots for builder in free)
    pairs = pair(runs.load_waiting(connection, free, limit=4 * slots + 32), free)
    return moves.lease(connection, pairs, now) if pairs else []


def _end(connection: Connection, row: Row[Any], why: str, now: float) -> None:
    """A run that no builder can take ends; it is not tried again."""
    keep_facts(connection, moves.end_run(connection, row, Result.ERROR, now, why))


def _end_cancelled(connection: Connection, row: Row[Any], now: float) -> None:
    """A run whose builder is away ends on the hub; when the builder comes back, its lease is gone.

    A builder that is connected to another hub hears of it there.
    """
    if builders.is_connected(connection, row.builder, since=now - AWAY_AFTER):
        return
    current = runs.load_runs(connection, [row.id])
    if current and current[0].state == runs.RUNNING and current[0].lease == row.lease:
        reason = f"{row.cancel} (its builder was away)"
        keep_facts(connection, moves.end_run(connection, current[0], Result.CANCELLATION, now, reason))


def _put_back(connection: Connection, strays: Sequence[Row[Any]], now: float) -> None:
    leases = {row.id: row.lease for row in strays}
    for row in runs.load_runs(connection, list(leases)):
        if row.state == runs.RUNNING and row.lease == leases[row.id]:
            logger.warning("run_put_back", run=row.id, builder=row.builder)
            keep_facts(connection, moves.put_back(connection, row, now))


def _lose(connection: Connection, lost: Sequence[Row[Any]], now: float) -> None:
    facts: list[Fact] = []
    for name in {row.builder for row in lost}:
        platform = next(row.platform for row in lost if row.builder == name)
        facts.append(Fact(kind=FactKind.BUILDER_LOST, at=now, data={"builder": name, "platform": platform}))
    for row in runs.load_runs(connection, [row.id for row in lost]):
        if row.state == runs.RUNNING:
            facts += moves.lose_run(connection, row, now, f"Builder {row.builder} was lost.")
    keep_facts(connection, facts)
