"""Connected builders: what each says, what each is told. One session lives as long as one connection."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import msgspec
import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.scheduling import FreeBuilder
from hubwright.errors import RefusedError, WireError
from hubwright.hub import moves
from hubwright.hub.arrivals import Arrival, greet
from hubwright.hub.bounds import LOG_BEYOND
from hubwright.hub.completing import Completing
from hubwright.hub.flights import Flight
from hubwright.hub.hearing import Hearing, quietly
from hubwright.hub.inquest import keep_flights
from hubwright.hub.logs import Logs
from hubwright.hub.pulse import ENOUGH
from hubwright.hub.session import Channel, Holding, Session, SessionSettings, check_hello
from hubwright.store import builders, runs
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts
from hubwright.store.log_places import take_logs
from hubwright.wire import (
    WIRE_VERSION,
    Do,
    Held,
    Hello,
    Known,
    Vitals,
    Welcome,
)

REMEMBERED = 10_000
"""Builders that have left of which it is known when they were last heard."""

logger = structlog.get_logger()


class Sessions:
    """All builders that are connected to this process."""

    def __init__(
        self,
        database: Database,
        logs: Logs,
        clock: Callable[[], float],
        on_change: Callable[[], None],
        settings: SessionSettings,
    ) -> None:
        self._database = database
        self._logs = logs
        self._clock = clock
        self._on_change = on_change
        self._heartbeat = settings.heartbeat
        self._settings = settings
        self._completing = Completing(database, settings)
        self._hearing = Hearing(database, logs, clock, on_change, settings)
        self._sessions: dict[str, Session] = {}
        self.last_heard: dict[str, float] = {}  # by the steady clock: those that left this hub, for `Silence`
        self._arriving: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def free(self) -> list[FreeBuilder]:
        """Who could take a run now."""
        return [
            FreeBuilder(name=name, platform=session.hello.platform, slots=count, labels=session.hello.labels)
            for name, session in self._sessions.items()
            if (count := session.free()) > 0
        ]

    def elastic(self) -> list[Session]:
        """The connected builders whose number of slots may change."""
        return [session for session in self._sessions.values() if session.hello.most_slots]

    @property
    def place(self) -> str:
        """The name of the folder that logs of builders here grow in; empty with one hub."""
        return self._logs.place

    def names(self) -> set[str]:
        """Who is connected."""
        return set(self._sessions)

    def steady(self) -> float:
        """Seconds that never jump."""
        return self._settings.steady()

    def marks(self, *, all_of_them: bool) -> list[builders.Mark]:
        """What is to be noted of the connected builders, or of those only that changed; counts as noted then."""
        changed = [one for one in self._sessions.values() if all_of_them or not one.noted]
        for session in changed:
            session.noted = True
        return [
            builders.Mark(
                session.hello.name,
                builders.DRAINING if session.draining else builders.CONNECTED,
                session.pulse.lag,
                session.pulse.skew,
                session.slots,
            )
            for session in changed
        ]

    def flight_of(self, run: int) -> Flight | None:
        """The last minute of a run that a connected builder holds."""
        holdings = (session.holdings.get(run) for session in list(self._sessions.values()))
        return next((holding.flight for holding in holdings if holding is not None), None)

    def vitals_of(self, name: str) -> Vitals | None:
        """The newest sample of a connected builder."""
        session = self._sessions.get(name)
        return None if session is None else session.vitals

    async def wish(self, wishes: Mapping[str, str]) -> None:
        """What people want of the connected builders: to pause, to drain, or (not named) to go on."""
        resumed = False
        for name, session in list(self._sessions.items()):
            resumed = resumed or (session.wish is not None and name not in wishes)
            session.wish = wishes.get(name)
            if session.wish == builders.DRAIN and not session.told_to_drain:
                session.told_to_drain = True
                await quietly(session.send(Do(order="drain")))
        if resumed:
            self._on_change()

    async def shut_out(self, name: str, reason: str) -> None:
        """End a builder's connection for good."""
        session = self._sessions.pop(name, None)
        if session is not None:
            logger.warning("builder_shut_out", builder=name, reason=reason)
            await session.channel.close(reason)
            await self._database.write_soon(partial(builders.keep_away, name=name, now=self._clock()))

    def holds(self, row: Row[Any]) -> bool:
        """Whether the run's builder is connected and holds it under the row's lease."""
        session = self._sessions.get(row.builder)
        return session is not None and session.holds(row.id, row.lease)

    async def serve(
        self, hello: Hello, channel: Channel, token_id: int | None, frames: AsyncIterable[str | bytes]
    ) -> None:
        """Welcome a builder and hear it until its connection ends. Raises WireError, ForbiddenError."""
        session, welcome = await self._welcome(hello, channel, token_id)
        try:
            await session.send(welcome)  # whoever is gone already must leave, too
            logger.info("builder_connected", builder=hello.name, platform=hello.platform, runs=len(welcome.runs))
            self._on_change()
            await self._hear_all(session, frames)
        finally:
            await self._leave(session)

    async def _hear_all(self, session: Session, frames: AsyncIterable[str | bytes]) -> None:
        beat = asyncio.create_task(self._beat(session))
        try:
            async for frame in frames:
                session.heard_at = self.steady()
                await self._hearing.hear(session, frame)
                if session.failure is not None:
                    raise session.failure
        finally:
            beat.cancel()

    async def _welcome(self, hello: Hello, channel: Channel, token_id: int | None) -> tuple[Session, Welcome]:
        check_hello(hello)
        # Two that say hello at once under one name come one after the other.
        async with self._arriving.setdefault(hello.name, asyncio.Lock()):
            return await self._let_in(hello, channel, token_id)

    async def _let_in(self, hello: Hello, channel: Channel, token_id: int | None) -> tuple[Session, Welcome]:
        old = self._sessions.get(hello.name)
        if old is not None:
            await self._replace(old, hello)
        greeting = await self._database.write_each(greet, Arrival(hello, token_id, self._clock()))
        if isinstance(greeting, RefusedError):
            raise greeting
        session = Session(greeting.hello, channel, token_id, self.steady(), greeting.wish, steady=self.steady)
        known = [self._know(session, one, greeting.held.get(one.run)) for one in hello.runs]
        await self._take_logs(session, [greeting.held[run] for run in session.holdings])
        self._sessions[hello.name] = session
        self.last_heard.pop(hello.name, None)
        return session, Welcome(wire=WIRE_VERSION, heartbeat=self._heartbeat, runs=tuple(known))

    async def _replace(self, old: Session, hello: Hello) -> None:
        """The same builder again takes over; another one under its name has to wait until it is silent."""
        silent = self.steady() - old.heard_at > 2 * self._heartbeat
        if old.hello.instance != hello.instance and not silent:
            raise WireError(f"a builder named {hello.name!r} is connected already: choose another --name")
        self._sessions.pop(hello.name, None)
        await self._database.write_soon(
            partial(keep_flights, session=old, heartbeat=self._heartbeat, now=self._clock())
        )
        await old.channel.close("replaced by a newer connection")

    def _know(self, session: Session, one: Held, row: Row[Any] | None) -> Known:
        if row is None or row.lease != one.lease:
            return Known(run=one.run, lease=one.lease, held=False)
        if self._logs.place and row.log_at not in {None, self._logs.place}:
            self._logs.clear(one.run)  # another hub has heard more of it, and may have covered secrets in it
        size = self._logs.look_again(one.run)
        if self._logs.place:
            self._logs.receive(one.run)
        session.holdings[one.run] = _hold(row, row.seq, size)
        return Known(run=one.run, lease=one.lease, held=True, seq=row.seq, log=size)

    async def _take_logs(self, session: Session, rows: Sequence[Row[Any]]) -> None:
        """Have noted that these logs grow here now; those of before have been cleared already."""
        place = self._logs.place
        moved = [row.id for row in rows if place and row.log_at != place]
        if not moved:
            return
        try:
            await self._database.write_soon(partial(take_logs, numbers=moved, place=place))
        except BaseException:
            for run in session.holdings:
                self._logs.rest(run)
            raise

    async def assign(self, row: Row[Any]) -> None:
        """Send a leased run to its builder; when that fails, its reconnect puts the run back.

        Raises WireError when no builder could ever take it.
        """
        if row.lease > 1:
            self._logs.clear(row.id)  # it was given away before and begins anew
        session = self._sessions.get(row.builder)
        if session is None:
            return
        session.holdings[row.id] = _hold(row)
        try:
            order = Do(order="build", run=row.id, lease=row.lease, payload=await self._completing.complete(row))
        except msgspec.ValidationError as error:
            del session.holdings[row.id]
            raise WireError(f"The run's assignment can't be read: {error}.") from error
        try:
            await session.send(order)
        except ConnectionError:
            logger.info("assignment_not_sent", builder=row.builder, run=row.id)

    async def cancel(self, row: Row[Any]) -> bool:
        """Tell the builder to cancel a run; whether it could be told."""
        session = self._sessions.get(row.builder)
        if session is None or not session.holds(row.id, row.lease):
            return False
        try:
            await session.send(Do(order="cancel", run=row.id, lease=row.lease, reason=row.cancel or ""))
        except ConnectionError:
            return False
        return True

    async def _beat(self, session: Session) -> None:
        """Ask at once and a few times soon, so that lag and skew are known; then once a heartbeat."""
        with suppress(ConnectionError):
            for count in itertools.count(1):
                await session.ping(self._clock())
                await asyncio.sleep(self._heartbeat if count >= ENOUGH else min(self._heartbeat, 1.0))
                if self.steady() - session.heard_at > 3 * self._heartbeat:
                    await session.channel.close("nothing heard for three heartbeats")
                    return

    async def _leave(self, session: Session) -> None:
        name = session.hello.name
        if self._sessions.get(name) is not session:
            return
        del self._sessions[name]
        logger.info("builder_left", builder=name, drained=session.draining)
        for run in session.holdings:
            self._logs.rest(run)
        part = partial(_part, session=session, heartbeat=self._heartbeat, now=self._clock())
        await self._database.write_soon(part)
        if name not in self._sessions:
            self.last_heard[name] = session.heard_at
            while len(self.last_heard) > REMEMBERED:
                del self.last_heard[next(iter(self.last_heard))]
        if session.draining:
            self._on_change()


def _hold(row: Row[Any], seq: int = 0, log: int = 0) -> Holding:
    limit = row.assignment.get("log_limit")  # the payload is checked when it is sent
    bound = limit + LOG_BEYOND if isinstance(limit, int) else LOG_BEYOND
    return Holding(row.lease, row.leased_at or 0.0, bound, seq=seq, log=log, acked_log=log)


def _part(connection: Connection, session: Session, heartbeat: float, now: float) -> None:
    """Note that a builder is away. What one that ends was given and never began waits again at once."""
    name = session.hello.name
    keep_flights(connection, session, heartbeat, now)
    spent = session.draining and session.hello.once
    builders.keep_away(connection, name, now, drained=session.draining, on_demand=session.on_demand or spent)
    if spent:
        builders.forget_spent(connection, session.hello)
    if not session.draining and not session.on_demand:
        data: dict[str, object] = {"builder": name, "platform": session.hello.platform}
        keep_facts(connection, [Fact(kind=FactKind.BUILDER_AWAY, at=now, data=data)])
    if session.draining:
        for row in runs.load_held(connection, [name]):
            if row.seq == 0:
                keep_facts(connection, moves.put_back(connection, row, now))
