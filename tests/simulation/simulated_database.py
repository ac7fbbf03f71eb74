"""SQLite in memory, executed in the loop's own thread: the real group commit, without its thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool, StaticPool

from hubwright.store.database import Database
from hubwright.store.schema import metadata
from hubwright.store.writers import GROUP, First, Write, Writer, _answer

T = TypeVar("T")

GUARDS = """
CREATE TRIGGER ends_once BEFORE UPDATE ON run WHEN old.state = 'finished'
    AND (new.state <> 'finished' OR new.result <> old.result OR new.lease <> old.lease)
    BEGIN SELECT raise(ABORT, 'SIMULATION: a finished run was changed'); END;
CREATE TRIGGER lease_grows BEFORE UPDATE ON run WHEN new.lease < old.lease
    BEGIN SELECT raise(ABORT, 'SIMULATION: a lease number went back'); END;
CREATE TRIGGER seq_grows BEFORE UPDATE ON run WHEN new.lease = old.lease AND new.seq < old.seq
    BEGIN SELECT raise(ABORT, 'SIMULATION: a message number went back'); END;
CREATE TRIGGER leased_when_queued BEFORE UPDATE ON run WHEN new.lease > old.lease AND old.state <> 'queued'
    BEGIN SELECT raise(ABORT, 'SIMULATION: a run was leased that did not wait'); END;
CREATE TRIGGER runs_left BEFORE UPDATE ON build WHEN new.runs_left < 0
    BEGIN SELECT raise(ABORT, 'SIMULATION: more runs ended than a build had'); END;
"""
"""What no transaction may ever do, held by the database at every step."""


@cache
def _template() -> bytes:
    """An empty database with every table and guard."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    raw = engine.raw_connection()
    connection: Any = raw.driver_connection
    connection.executescript(GUARDS)
    content: bytes = connection.serialize()
    raw.close()
    engine.dispose()
    return content


@cache
def _engine() -> Engine:
    """Each connection is a database of its own; one engine for all, because it remembers compiled statements."""

    def open_fresh() -> sqlite3.Connection:
        raw = sqlite3.connect(":memory:")
        raw.deserialize(_template())
        raw.isolation_level = None
        return raw

    engine = create_engine("sqlite://", creator=open_fresh, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.connection.driver_connection.execute("BEGIN IMMEDIATE"))
    return engine


class DatabaseServer:
    """The one database that all hubs of a world use; `away` makes everybody fail, `slow` every commit a long one."""

    def __init__(self) -> None:
        self.away = False
        self.slow = False
        self.connection = _engine().connect()

    def check(self) -> None:
        """Raises OperationalError while the database is away."""
        if self.away:
            raise OperationalError("SELECT", {}, sqlite3.OperationalError("the database is away"))

    def close(self) -> None:
        """Forget everything."""
        self.connection.close()


class SimulatedWriter(Writer):
    """Writes are grouped, committed and answered as the real writer's thread does it; time passes in the loop."""

    def __init__(self, server: DatabaseServer, chance: Random) -> None:
        self._server = server
        self._chance = chance
        self._writes: list[Write] = []
        self._answers: deque[Any] = deque()
        self._loop = asyncio.get_running_loop()

    def is_here(self) -> bool:
        """There is one thread: what asks for a write inside a write would wait for ever, and the seed would tell."""
        return False

    def put(self, write: Write) -> None:
        """As the real one, and nothing is ever too much."""
        self._writes.append(write)
        if len(self._writes) == 1:
            self._loop.call_later(self._while(), self._commit_next)

    def _while(self) -> float:
        """Seconds that a commit takes: seldom very long."""
        return self._chance.uniform(0.0005, 0.02) * (50 if self._chance.random() < 0.03 or self._server.slow else 1)

    def _commit_next(self) -> None:
        """Commit, and answer a little later: a crash may come between."""
        group, self._writes = self._writes[:GROUP], self._writes[GROUP:]
        if self._writes:
            self._loop.call_later(self._while(), self._commit_next)
        self._loop.call_later(self._while(), self._answer_next)
        self._answers.append(self._commit(group))

    def _answer_next(self) -> None:
        """In the order of the commits, as the writer's one thread does."""
        _answer(self._answers.popleft())

    def _hold(self) -> Connection:
        self._server.check()
        return self._server.connection

    def _let_go(self) -> None:
        pass


class SimulatedDatabase(Database):
    """A hub's door to the server."""

    def __init__(self, server: DatabaseServer, chance: Random) -> None:
        self.url = "sqlite://"
        self.dialect = "sqlite"
        self._server = server
        self._chance = chance
        self._writer = self._door = SimulatedWriter(server, chance)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """As the real one."""
        self._server.check()
        with self._server.connection.begin():
            yield self._server.connection

    async def read(self, work: Callable[[Connection], T]) -> T:
        """As the real one: the answer may be old when it comes."""
        await asyncio.sleep(self._chance.uniform(0.0005, 0.005))
        with self.reading() as connection:
            answer = work(connection)
        await asyncio.sleep(self._chance.uniform(0.0005, 0.005))
        return answer

    def write(self, work: Callable[[Connection], T], first: tuple[First, Any] | None = None) -> T:
        """At once."""
        self._server.check()
        with self._server.connection.begin():
            if first is not None:
                first[0](self._server.connection, [first[1]])
            return work(self._server.connection)
