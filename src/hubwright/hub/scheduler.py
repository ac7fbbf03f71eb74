"""Walk 3 begins: pair waiting runs with free builders, lease them, send them; take back what was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.pauses import Stops
from hubwright.domain.results import Result
from hubwright.domain.scheduling import FreeBuilder, PlatformRoom, pair
from hubwright.errors import WireError
from hubwright.hub import moves
from hubwright.hub.demand import tell_demand
from hubwright.hub.roll_call import NOTES_MISSED, SEEN_EVERY, RollCall
from hubwright.hub.sessions import Sessions
from hubwright.store import builders, runs
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts
from hubwright.store.log_places import take_logs
from hubwright.store.pauses import count_running, load_stops
from hubwright.store.writers import is_outage

LOOK_AGAIN = 1.0
"""Seconds after which the scheduler looks by itself, whatever hint was lost."""

CANCEL_WITHIN = 45.0
"""Seconds in which a builder ends a cancelled run, wherever it is; then the run ends here, and its lease is gone."""

logger = structlog.get_logger()


class Scheduler:
    """Schedules for the builders connected to this process. `lost_after` and `seen_every` in seconds.

    `on_doubt` is called when runs were due whose approval is in doubt.
    """

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        clock: Callable[[], float],
        on_facts: Callable[[], None],
        *,
        lost_after: float,
        seen_every: float = SEEN_EVERY,
        on_doubt: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._clock = clock
        self._on_facts = on_facts
        self._on_doubt = on_doubt
        self.limits: Mapping[str, int] = {}
        """How many runs may go on at once on platforms, by name or glob."""
        self._stops: Stops | None = None  # as they were at the last look around, or when people changed them
        self._seen_every = seen_every
        self._roll = RollCall(database, sessions, clock, lost_after=lost_after, seen_every=seen_every)
        self._looked_at = asyncio.get_running_loop().time()
        self._cancelled_at: dict[tuple[int, int], float] = {}  # (run, lease) -> when it was first found cancelled
        self._missed: set[tuple[int, int]] = set()  # (run, lease) that a builder here should have and has not
        self._wanted = asyncio.Event()
        self._may_cancel = True  # somebody may have cancelled runs
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """There may be something to do; from any thread."""
        self._may_cancel = True
        self.wake_for_room()

    def wake_for_room(self) -> None:
        """Builders may have become free, or runs due, and nobody has cancelled anything; from any thread."""
        if not self._wanted.is_set() and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wanted.set)

    def call_roll(self) -> None:
        """People want something of builders: look at once; from any thread."""
        self._looked_at = float("-inf")
        self.wake()

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
        if self._loop.time() - self._looked_at >= LOOK_AGAIN:
            self._looked_at = self._loop.time()
            self._may_cancel = True
            await self._look_around()
        await self._lease()
        if self._may_cancel:
            self._may_cancel = False
            await self._cancel()

    async def _lease(self) -> None:
        stops = self._stops or await self._look_at_stops()
        free = self._sessions.free()
        if not free or stops.hub is not None:
            return
        lease = partial(_lease_for, free=free, stops=stops, now=self._clock(), place=self._sessions.place)
        rows, doubted = await self._database.write_soon(lease)
        sending = asyncio.gather(*map(self._sessions.assign, rows), return_exceptions=True)
        if rows:
            await asyncio.sleep(0)  # orders go out before all are woken who follow facts
            self._on_facts()
            if stops.narrows:
                self.wake_for_room()  # others may be due now that a platform is full
        if doubted:
            self._on_doubt()
            self.wake_for_room()  # their builders may take others
        for row, outcome in zip(rows, await sending, strict=True):
            if isinstance(outcome, WireError):  # as it is, nobody can ever run it
                await self._database.write_soon(partial(_end, row=row, why=str(outcome), now=self._clock()))
                self._on_facts()
                self.wake()
            elif isinstance(outcome, Exception):  # one bad assignment stops no other; it is found again as a stray
                logger.error("assignment_failed", exc_info=outcome)

    async def _look_at_stops(self) -> Stops:
        """What keeps runs from starting; the hub's limits on platforms are the settings'."""
        self._stops = await self._database.read(partial(load_stops, limits=self.limits))
        return self._stops

    async def _cancel(self) -> None:
        """Tell the builders of cancelled runs; a run ends here when its builder is away or takes too long (R11)."""
        rows = await self._database.read(runs.load_cancelled)
        now, names, before = self._loop.time(), self._sessions.names(), self._cancelled_at
        self._cancelled_at = {(row.id, row.lease): before.get((row.id, row.lease), now) for row in rows}
        for row in rows:
            if now - self._cancelled_at[row.id, row.lease] >= CANCEL_WITHIN:
                await self._end_here(row, "its builder did not end it in time", None)
            elif not await self._sessions.cancel(row) and row.builder not in names:
                await self._end_here(row, "its builder was away", NOTES_MISSED * self._seen_every)

    async def _end_here(self, row: Row[Any], why: str, away_after: float | None) -> None:
        end = partial(_end_cancelled, row=row, now=self._clock(), why=why, away_after=away_after)
        await self._database.write_soon(end)
        self._on_facts()

    async def _look_around(self) -> None:
        """Call the roll of builders, and find the runs that they were given and do not have."""
        await self._look_at_stops()
        await tell_demand(self._database, self._sessions)
        if await self._roll.obey():
            self._on_facts()
            self.wake()
        if not await self._roll.note():
            return
        names, before = self._sessions.names(), self._missed
        given = await self._database.read(lambda connection: runs.load_held_by(connection, names))
        missed = [row for row in given if row.builder in names and not self._sessions.holds(row)]
        self._missed = {(row.id, row.lease) for row in missed}
        strays = [row for row in missed if (row.id, row.lease) in before]  # a lease may be on its way just now
        if strays:
            await self._database.write_soon(partial(_put_back, strays=strays, now=self._clock()))
            self._on_facts()
            self.wake()


def _lease_for(
    connection: Connection, free: Sequence[FreeBuilder], stops: Stops, now: float, place: str
) -> tuple[list[Row[Any]], bool]:
    """The runs leased, and whether the approval of others that were due is in doubt.

    Builders of a platform that is stopped are left out, so that what waits for them hides nothing behind it.
    """
    room = None
    if stops.narrows:
        running = count_running(connection) if stops.limits else {}
        room = PlatformRoom(stops.limits, running, stops.platforms)
        free = [builder for builder in free if room.full(builder.platform) is None]
    slots = sum(builder.slots for builder in free)
    pairs = pair(runs.load_waiting(connection, free, limit=4 * slots + 32), free, room)
    rows = moves.lease(connection, pairs, now) if pairs else []
    if place:
        take_logs(connection, [row.id for row in rows], place)
    return rows, len(rows) < len(pairs)


def _end(connection: Connection, row: Row[Any], why: str, now: float) -> None:
    """A run that no builder can take ends; it is not tried again."""
    keep_facts(connection, moves.end_run(connection, row, Result.ERROR, now, why))


def _end_cancelled(connection: Connection, row: Row[Any], now: float, why: str, away_after: float | None) -> None:
    """End a cancelled run on the hub; when its builder comes back, its lease is gone.

    With `away_after`, a builder that another hub has noted within so many seconds hears of it there.
    """
    if away_after is not None and builders.is_connected(connection, row.builder, since=now - away_after):
        return
    current = runs.load_runs(connection, [row.id])
    if current and current[0].state == runs.RUNNING and current[0].lease == row.lease:
        keep_facts(connection, moves.end_run(connection, current[0], Result.CANCELLATION, now, f"{row.cancel} ({why})"))


def _put_back(connection: Connection, strays: Sequence[Row[Any]], now: float) -> None:
    leases = {row.id: row.lease for row in strays}
    for row in runs.load_runs(connection, list(leases)):
        if row.state == runs.RUNNING and row.lease == leases[row.id]:
            logger.warning("run_put_back", run=row.id, builder=row.builder)
            keep_facts(connection, moves.put_back(connection, row, now))
