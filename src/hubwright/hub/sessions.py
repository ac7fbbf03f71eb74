"""Connected builders: what each says, what each is told. One session lives as long as one connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import msgspec
import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.scheduling import FreeBuilder
from hubwright.errors import ForbiddenError, HubwrightError, WireError
from hubwright.hub import moves
from hubwright.hub.hearing import Hearing, quietly
from hubwright.hub.logs import Logs
from hubwright.hub.session import Channel, Holding, Session, SessionSettings, check_hello
from hubwright.store import builders, runs
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts
from hubwright.wire import (
    WIRE_VERSION,
    Do,
    Held,
    Hello,
    Known,
    Payload,
    Ping,
    Welcome,
)

TOKEN_WITHIN = 10.0
"""Seconds that a run waits for GitHub to give its token."""

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
        self._hearing = Hearing(database, logs, clock, on_change)
        self._sessions: dict[str, Session] = {}
        self._arriving: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def free(self) -> list[FreeBuilder]:
        """Who could take a run now."""
        return [
            FreeBuilder(name=name, platform=session.hello.platform, slots=count, labels=session.hello.labels)
            for name, session in self._sessions.items()
            if (count := session.free()) > 0
        ]

    def names(self) -> set[str]:
        """Who is connected."""
        return set(self._sessions)

    def lags(self) -> dict[str, float | None]:
        """The lag of each connected builder, in seconds."""
        return {name: session.lag for name, session in self._sessions.items()}

    def holds(self, row: Row[Any]) -> bool:
        """Whether the run's builder is connected and holds it under the row's lease."""
        session = self._sessions.get(row.builder)
        return session is not None and session.holds(row.id, row.lease)

    async def serve(
        self, hello: Hello, channel: Channel, token_id: int | None, frames: AsyncIterable[str | bytes]
    ) -> None:
        """Welcome a builder and hear it until its connection ends. Raises WireError, ForbiddenError."""
        session = await self._welcome(hello, channel, token_id)
        beat = asyncio.create_task(quietly(self._beat(session)))
        try:
            async for frame in frames:
                session.heard_at = self._clock()
                await self._hearing.hear(session, frame)
                if session.failure is not None:
                    raise session.failure
        finally:
            beat.cancel()
            await self._leave(session)

    async def _welcome(self, hello: Hello, channel: Channel, token_id: int | None) -> Session:
        check_hello(hello)
        # Two that say hello at once under one name come one after the other.
        async with self._arriving.setdefault(hello.name, asyncio.Lock()):
            return await self._let_in(hello, channel, token_id)

    async def _let_in(self, hello: Hello, channel: Channel, token_id: int | None) -> Session:
        old = self._sessions.get(hello.name)
        if old is not None:
            await self._replace(old, hello)
        now = self._clock()
        held = await self._database.write_soon(partial(_greet, hello=hello, token_id=token_id, now=now))
        session = Session(hello, channel, token_id, now)
        known = [self._know(session, one, held.get(one.run)) for one in hello.runs]
        self._sessions[hello.name] = session
        await session.send(Welcome(wire=WIRE_VERSION, heartbeat=self._heartbeat, runs=tuple(known)))
        logger.info("builder_connected", builder=hello.name, platform=hello.platform, runs=len(known))
        self._on_change()
        return session

    async def _replace(self, old: Session, hello: Hello) -> None:
        """The same builder again takes over; another one under its name has to wait until it is silent."""
        silent = self._clock() - old.heard_at > 2 * self._heartbeat
        if old.hello.instance != hello.instance and not silent:
            raise WireError(f"a builder named {hello.name!r} is connected already: choose another --name")
        self._sessions.pop(hello.name, None)
        await old.channel.close("replaced by a newer connection")

    def _know(self, session: Session, one: Held, row: Row[Any] | None) -> Known:
        if row is None or row.lease != one.lease:
            return Known(run=one.run, lease=one.lease, held=False)
        size = self._logs.size(one.run)
        session.holdings[one.run] = Holding(one.lease, row.seq, size, size)
        return Known(run=one.run, lease=one.lease, held=True, seq=row.seq, log=size)

    async def assign(self, row: Row[Any]) -> None:
        """Send a leased run to its builder; when that fails, its reconnect puts the run back.

        Raises WireError when no builder could ever take it.
        """
        session = self._sessions.get(row.builder)
        if session is None:
            return
        session.holdings[row.id] = Holding(row.lease)
        if row.lease > 1:
            self._logs.clear(row.id)  # it was given away before and begins anew
        try:
            order = Do(order="build", run=row.id, lease=row.lease, payload=await self._complete(row))
        except msgspec.ValidationError as error:
            del session.holdings[row.id]
            raise WireError(f"The run's assignment can't be read: {error}.") from error
        try:
            await session.send(order)
        except ConnectionError:
            logger.info("assignment_not_sent", builder=row.builder, run=row.id)

    async def _complete(self, row: Row[Any]) -> Payload:
        """The stored assignment with what must not be stored: secrets and tokens."""
        payload = msgspec.convert(row.assignment, Payload)
        values = {name: self._settings.secrets[name] for name in payload.secrets if name in self._settings.secrets}
        source = payload.source
        if self._settings.token_of is not None and row.clone_url is None:
            source = msgspec.structs.replace(source, token=await self._find_token(source.repository))
        uploads = f"{self._settings.uploads}/api/v1/runs/{row.id}/artifacts"
        return msgspec.structs.replace(payload, source=source, secrets=values, uploads=uploads)

    async def _find_token(self, repository: str) -> str | None:
        """The owner's token. When GitHub gives none in time the run goes without: it may well be fetched already."""
        if self._settings.token_of is None:
            return None
        try:
            async with asyncio.timeout(TOKEN_WITHIN):
                return await asyncio.to_thread(self._settings.token_of, repository.partition("/")[0])
        except (HubwrightError, TimeoutError) as error:
            logger.warning("no_token_for_run", repository=repository, error=str(error) or "GitHub is slow")
            return None

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
        while True:
            await asyncio.sleep(self._heartbeat)
            if self._clock() - session.heard_at > 3 * self._heartbeat:
                await session.channel.close("nothing heard for three heartbeats")
                return
            await session.send(Ping(at=self._clock()))

    async def _leave(self, session: Session) -> None:
        if self._sessions.get(session.hello.name) is not session:
            return
        del self._sessions[session.hello.name]
        logger.info("builder_left", builder=session.hello.name)
        now = self._clock()
        await self._database.write_soon(lambda connection: builders.keep_away(connection, session.hello.name, now))


def _greet(connection: Connection, hello: Hello, token_id: int | None, now: float) -> dict[int, Row[Any]]:
    """Note the builder; the runs that it was given. Those that it does not have are put back."""
    owner = builders.load_owner(connection, hello.name)
    if owner is not None and token_id is not None and owner != token_id:
        raise ForbiddenError(f"The name {hello.name!r} belongs to another builder's token: choose another --name.")
    builders.keep_connected(connection, hello, token_id, now)
    held = {row.id: row for row in runs.load_held(connection, hello.name)}
    reported = {(one.run, one.lease) for one in hello.runs}
    data: dict[str, object] = {"builder": hello.name, "platform": hello.platform}
    facts = [Fact(kind=FactKind.BUILDER_CONNECTED, at=now, data=data)]
    for row in held.values():
        if (row.id, row.lease) not in reported:
            facts += moves.put_back(connection, row, now)
    keep_facts(connection, facts)
    return held
