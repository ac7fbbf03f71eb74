"""The hub's parts on a temporary folder: repositories that git can fetch, intake, and builders held in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Row, Table, select

from build_lives import Clock
from fake_repository import FakeRepository
from hubwright.domain.jobs import JobSettings
from hubwright.domain.repos import Event
from hubwright.git.commands import Git
from hubwright.git.mirrors import Mirrors
from hubwright.github.payloads import read_event
from hubwright.github.records import read_delivery
from hubwright.hub.bell import Bell
from hubwright.hub.copying import follow_nothing, keep_told
from hubwright.hub.demands import Looks
from hubwright.hub.intake import Intake
from hubwright.hub.logs import Logs
from hubwright.hub.plans import Ground
from hubwright.hub.pressure import Pressure
from hubwright.hub.rules import Rules
from hubwright.hub.scheduler import Scheduler
from hubwright.hub.session import SessionSettings
from hubwright.hub.sessions import Sessions
from hubwright.hub.understanding import Understanding
from hubwright.hub.wishes import Wishes
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_delivery
from hubwright.wire import WIRE_VERSION, Held, Hello, Message, Output, read_message, write_message, write_output
from waiting import until

RECIPE = "stages:\n  - build: make\n  - test: make check\n"
GROUND = Ground(public_url="https://ci.example.org", version="1", default_platform="linux", log_limit=1_000_000)


def rows(database: Database, table: Table, **wanted: Any) -> list[Row[Any]]:
    """The rows with these values, in the order of their first column."""
    query = select(table).order_by(*table.primary_key.columns)
    for name, value in wanted.items():
        query = query.where(table.c[name] == value)
    with database.reading() as connection:
        return list(connection.execute(query))


@dataclass
class Desk:
    """Walk 2 on `folder`: deliveries in, builds out. Repositories lie in `folder/remotes`."""

    database: Database
    folder: Path
    clock: Clock
    mirrors: Mirrors
    rules: Rules
    woken: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.understanding = Understanding(self.database, self.mirrors, self.rules)
        self.intake = Intake(self.database, self.understanding, "desk", self.clock, self.woken.append, Pressure())
        origin_of = self.understanding.origin_of
        self.wishes = Wishes(
            self.database, self.mirrors, origin_of, self.rules.ground, self.woken.append, self.rules.defaults
        )

    def repository(self, full_name: str = "octo/hello") -> FakeRepository:
        """A new, empty repository that git can fetch."""
        remotes = self.folder / "remotes"
        path = remotes / f"{full_name}.git"
        return FakeRepository(path, number=next(self.numbers), full_name=full_name, base_url=f"file://{remotes}")

    def deliver(self, event: str, payload: object, *, guid: str | None = None, source: str = "github") -> int:
        """Keep a delivery; its number."""
        guid = guid or f"guid-{next(self.numbers)}"
        item = Incoming(guid, event, source, orjson.dumps(payload), self.clock())
        return self.database.write(lambda connection: keep_delivery(connection, item)).id

    def work(self) -> None:
        """Drain, and wait until all that was taken is written."""
        self.intake.drain()
        wait_for_lanes(self.intake)

    def understand(self, event: str, payload: dict[str, Any], *, patient: bool = True) -> str | None:
        """Understand one event and write it; why it waits."""
        read: Event = read_event(event, payload)
        understood = self.understanding.understand(read, Looks(), delay=1.0 if patient else None)
        told = read_delivery(event, payload, self.clock())
        self.database.write(lambda connection: understood.keep(connection, self.clock()))
        self.database.write(lambda connection: keep_told(connection, [told], follow_nothing, self.clock()))
        return understood.waits

    def builds(self, **wanted: Any) -> list[Row[Any]]:
        return rows(self.database, schema.build, **wanted)

    def runs(self, **wanted: Any) -> list[Row[Any]]:
        return rows(self.database, schema.run, **wanted)

    def delivery(self, number: int) -> Row[Any]:
        (row,) = rows(self.database, schema.delivery, id=number)
        return row


def wait_for_lanes(intake: Intake) -> None:
    """Until no lane moves."""
    until(lambda: not intake._lanes._lanes, what="the lanes' end")


@contextmanager
def open_desk(database: Database, folder: Path, clock: Clock | None = None, **rules: Any) -> Iterator[Desk]:
    """A desk; closed afterwards."""
    mirrors = Mirrors(folder / "mirrors", Git("file"), timeout=20)
    rules.setdefault("defaults", JobSettings())
    made = Rules(**{"clone_base": f"file://{folder}/remotes", "ground": GROUND, **rules})
    desk = Desk(database, folder, clock or Clock(), mirrors, made)
    try:
        yield desk
    finally:
        desk.intake.close()
        mirrors.close()


class MemoryChannel:
    """A builder's end of a connection, in memory: what the hub says goes to `said`, what it hears comes from `say`."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._frames: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._news = asyncio.Condition()
        self.said: list[Message] = []
        self.closed: str | None = None
        self.broken = False
        self.task: asyncio.Task[None] | None = None

    async def send(self, frame: str) -> None:
        """As a channel."""
        if self.broken or self.closed is not None:
            raise ConnectionError("gone")
        self.said.append(read_message(frame, from_builder=False))
        async with self._news:
            self._news.notify_all()

    async def close(self, reason: str) -> None:
        """As a channel."""
        self.closed = self.closed or reason
        self._frames.put_nowait(None)
        async with self._news:
            self._news.notify_all()

    async def frames(self) -> AsyncIterator[str | bytes]:
        while (frame := await self._frames.get()) is not None:
            yield frame

    def say(self, *messages: Message | Output | str | bytes) -> None:
        """The builder says something."""
        for message in messages:
            if isinstance(message, Message):
                self._frames.put_nowait(write_message(message))
            else:
                self._frames.put_nowait(write_output(message) if isinstance(message, Output) else message)

    def heard(self, kind: type[Message], **fields: Any) -> list[Any]:
        """What the hub said of this kind."""
        found = [one for one in self.said if isinstance(one, kind)]
        return [one for one in found if all(getattr(one, key) == value for key, value in fields.items())]

    async def until(self, kind: type[Message], **fields: Any) -> Any:
        """The latest such message; waited for."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: self.heard(kind, **fields) or self.closed is not None)
        assert self.heard(kind, **fields), f"closed instead: {self.closed}"
        return self.heard(kind, **fields)[-1]

    async def until_closed(self) -> str:
        """Why the hub ended the connection."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: self.closed is not None)
        return str(self.closed)

    async def leave(self) -> None:
        """The builder's end breaks."""
        self._frames.put_nowait(None)
        assert self.task is not None
        await asyncio.gather(self.task, return_exceptions=True)


def make_hello(name: str = "anvil", **fields: Any) -> Hello:
    """A builder's first message."""
    values = {"wire": WIRE_VERSION, "platform": "linux", "version": "1", "instance": f"of-{name}", **fields}
    return Hello(name=name, **values)


@dataclass
class Floor:
    """Walk 3 in this event loop: sessions and, once begun, a scheduler."""

    database: Database
    clock: Clock
    logs: Logs
    sessions: Sessions
    scheduler: Scheduler
    facts: list[str] = field(default_factory=list)
    channels: list[MemoryChannel] = field(default_factory=list)

    async def connect(self, name: str = "anvil", *, token_id: int | None = None, **fields: Any) -> MemoryChannel:
        """A builder that was welcomed. Raises what the hub refuses it with."""
        channel = MemoryChannel(self.sessions)
        hello = make_hello(name, **fields)
        channel.task = asyncio.create_task(self.sessions.serve(hello, channel, token_id, channel.frames()))
        self.channels.append(channel)
        while not channel.said:
            if channel.task.done():
                await channel.task
            await asyncio.sleep(0.002)
        return channel

    async def step(self) -> None:
        """One round of the scheduler, with the look around."""
        self.scheduler._looked_at = float("-inf")
        await self.scheduler._step()

    def row(self, run: int) -> Row[Any]:
        return rows(self.database, schema.run, id=run)[0]

    def build(self, number: int) -> Row[Any]:
        return rows(self.database, schema.build, id=number)[0]


@asynccontextmanager
async def open_floor(
    database: Database, folder: Path, clock: Clock, *, lost_after: float = 60.0, **settings: Any
) -> AsyncIterator[Floor]:
    """A floor; closed afterwards."""
    logs = Logs(folder / "logs", Bell())
    settings.setdefault("heartbeat", 1000.0)
    settings.setdefault("steady", clock)
    facts: list[str] = []
    sessions = Sessions(database, logs, clock, lambda: None, SessionSettings(**settings))
    scheduler = Scheduler(database, sessions, clock, lambda: facts.append("rung"), lost_after=lost_after)
    floor = Floor(database, clock, logs, sessions, scheduler, facts)
    try:
        yield floor
    finally:
        for channel in floor.channels:
            await channel.leave()
        logs.close()


def held(run: int, lease: int = 1, **fields: Any) -> Held:
    """A run as a returning builder reports it."""
    return Held(run=run, lease=lease, **fields)
