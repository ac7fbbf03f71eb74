"""The door to the database: many readers, one fair queue of writers with group commit.

All writes of a process go through one thread. It takes what has queued, runs it in one transaction and answers
everyone after the commit: sixty-four requests cost one fsync, and SQLite's writers never fight for its lock. When a
write of the group fails, the group is rolled back and each is tried alone, so that only the guilty one fails.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from hubwright.errors import HubwrightError
from hubwright.store.engines import MEMORY, open_engine

T = TypeVar("T")
Item = TypeVar("Item")
First = Callable[[Connection, list[Any]], None]

GROUP = 256
"""Writes in one commit, at most."""

HELD = 1.0
"""Seconds without a write after which the writing connection goes back to its pool."""

QUEUED_WRITES = 20_000
"""Writes that may wait; one more is refused with DatabaseBusyError."""

TRIES = 4
"""Times that a group of writes is begun which meets another process' writes the wrong way round."""

WAY = 0.01
"""Seconds that the victim of a deadlock gives the other before its second try; twice that before its third …"""

_TOO_MUCH = "54"
"""PostgreSQL's class of errors for a value that it will never take, such as one too long for an index.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""


_CONFLICTS = frozenset({"40001", "40P01"})
"""PostgreSQL's words for a transaction that fell victim to another: serialization failure, deadlock."""


class DatabaseBusyError(HubwrightError):
    """Too many writes wait for the database: it is slow or down; try again later."""


@dataclass(slots=True, eq=False)
class _Write:
    """One queued write: `work(connection, items)` gives one answer per item; `item` is this one's.

    `first` is work and item of the beginning of the transaction.
    """

    work: Callable[[Connection, list[Any]], list[Any]]
    item: Any
    future: Future[Any] | asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop | None
    first: tuple[First, Any] | None = None


_Answers = list[tuple[_Write, Any, BaseException | None]]


class Database:
    """An open database. `url` is SQLAlchemy's; `sqlite:///path` or `postgresql+psycopg://…`.

    `given` is what each of its connections says in its execution options.
    """

    def __init__(self, url: str, *, readers: int = 4, given: Mapping[str, Any] | None = None) -> None:
        self.url = url
        self.dialect = make_url(url).get_backend_name()
        self._writer_engine = open_engine(url, size=1, begin="BEGIN IMMEDIATE")
        self.engine = open_engine(url, size=readers, begin="BEGIN", isolation="AUTOCOMMIT")
        for engine in (self._writer_engine, self.engine):
            engine.update_execution_options(**(given or {}))
        self.engine.update_execution_options(**{MEMORY: {}})
        self._apart = self.engine
        if self.dialect != "sqlite":
            self._apart = self.engine.execution_options(isolation_level="READ COMMITTED")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._closed = False
        self._writer: Connection | None = None
        self._wrote_at = 0.0
        self._thread = threading.Thread(target=self._drain, name="writer", daemon=True)
        self._thread.start()

    @property
    def folder(self) -> Path | None:
        """Where the file of SQLite lies; None for others."""
        path = make_url(self.url).database
        return Path(path).absolute().parent if self.dialect == "sqlite" and path else None

    def close(self) -> None:
        """Finish the queued writes and close every connection; later writes are refused with DatabaseBusyError."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._readers.shutdown()
        self.engine.dispose()
        self._writer_engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reading, in the caller's thread."""
        with self.engine.connect() as connection:
            yield connection
            connection.commit()  # a rollback would make psycopg forget every prepared statement of the connection

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a reading connection in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def write(self, work: Callable[[Connection], T], first: tuple[First, Any] | None = None) -> T:
        """Run `work` in a transaction and wait, from a thread, until it is durable.

        `first` is work of the beginning of the same transaction, and an item for it: those of a group of writes go
        together, so that rows which many of them touch are locked once, in one order, and before all others.
        """
        future: Future[Any] = Future()
        self._put(_Write(_alone, work, future, None, first))
        return future.result()  # type: ignore[no-any-return]

    def write_apart(self, work: Callable[[Connection], T], tries: int = TRIES) -> T:
        """As `write`, for rows that many processes lock: on PostgreSQL the lock is held for this work only, and no
        group of writes can meet another one crosswise.
        """
        if self.dialect == "sqlite":
            return self.write(work)
        try:
            with self._apart.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if tries <= 1 or not is_conflict(error):
                raise
        give_way(TRIES - tries + 1)
        return self.write_apart(work, tries - 1)

    def write_soon(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        """As `write`, from the event loop: await the answer, or go on meanwhile. Writes keep their order."""
        return self.write_each(_alone, work)

    def write_each(self, work: Callable[[Connection, list[Item]], list[Any]], item: Item) -> asyncio.Future[Any]:
        """As `write_soon`, for hot paths: `work` gets the items of all that wait for it and gives an answer to each."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._put(_Write(work, item, future, loop))
        return future

    def _put(self, write: _Write) -> None:
        if threading.current_thread() is self._thread:  # it would wait for itself for ever, and everybody for it
            raise RuntimeError("a write asked for another write inside its transaction")
        if self._closed:
            raise DatabaseBusyError("the database is closed: the hub is stopping")
        if self._queue.qsize() > QUEUED_WRITES:
            raise DatabaseBusyError(
                f"{QUEUED_WRITES} writes wait for the database; it is slow or down, try again later"
            )
        self._queue.put(write)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.reading() as connection:
            return work(connection)

    def _drain(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            ending = False
            while len(group) < GROUP and not self._queue.empty():
                if (write := self._queue.get()) is None:
                    ending = True
                    break
                group.append(write)
            _answer(self._commit(group))
            if ending:
                break
        self._let_go()

    def _commit(self, group: list[_Write], tries: int = TRIES) -> _Answers:
        begun = False
        try:
            connection = self._hold()
            with connection.begin():
                begun = True
                _perform_first(connection, group)
                return [(write, answer, None) for write, answer in _perform(connection, group)]
        except Exception as error:  # noqa: BLE001  the thread must outlive every failure; each goes to its owner
            self._let_go()  # whatever state it is in, the next group gets a sound one
            if is_conflict(error) and tries > 1:
                give_way(TRIES - tries + 1)
                return self._commit(group, tries - 1)
            lost = not begun or (isinstance(error, DBAPIError) and error.connection_invalidated)
            if lost or len(group) == 1:  # an outage is nobody's fault, and trying 256 times would make it longer
                return [(write, None, error) for write in group]
            return [row for write in group for row in self._commit([write])]

    def _hold(self) -> Connection:
        """The writing connection, kept while there is much to write; after a pause the pool looks whether it lives."""
        now = time.monotonic()
        if self._writer is not None and now - self._wrote_at > HELD:
            self._let_go()
        if self._writer is None:
            self._writer = self._writer_engine.connect()
        self._wrote_at = now
        return self._writer

    def _let_go(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _perform(connection: Connection, group: list[_Write]) -> Iterator[tuple[_Write, Any]]:
    """Run the writes in their order; neighbours with the same work go together."""
    for work, neighbours in groupby(group, key=lambda write: write.work):
        writes = list(neighbours)
        yield from zip(writes, work(connection, [write.item for write in writes]), strict=True)


def _perform_first(connection: Connection, group: list[_Write]) -> None:
    items: dict[First, list[Any]] = {}
    for write in group:
        if write.first is not None:
            items.setdefault(write.first[0], []).append(write.first[1])
    for work, some in items.items():
        work(connection, some)


def _alone(connection: Connection, works: list[Callable[[Connection], Any]]) -> list[Any]:
    return [work(connection) for work in works]


def _answer(rows: _Answers) -> None:
    """Tell everyone; one call into each event loop for the whole group."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Any, Any, BaseException | None]]] = {}
    for write, answer, error in rows:
        if write.loop is None:
            _settle([(write.future, answer, error)])
        else:
            loops.setdefault(write.loop, []).append((write.future, answer, error))
    for loop, settled in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, settled)


def _settle(rows: list[tuple[Any, Any, BaseException | None]]) -> None:
    for future, answer, error in rows:
        if future.done():  # the asker went away; the write stands
            continue
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)


def is_conflict(error: BaseException) -> bool:
    """Whether two transactions waited for each other and this one was chosen to be done again."""
    return isinstance(error, DBAPIError) and str(getattr(error.orig, "sqlstate", "")) in _CONFLICTS


def give_way(tries: int) -> None:
    """After so many tries that ended in a conflict, let the other transaction end: at once again is crosswise again."""
    time.sleep(WAY * tries)


def is_outage(error: BaseException) -> bool:
    """Whether the database itself is away or overloaded, so that trying later makes sense."""
    if isinstance(error, DBAPIError) and str(getattr(error.orig, "sqlstate", "")).startswith(_TOO_MUCH):
        return False
    return isinstance(error, DatabaseBusyError | OperationalError | InterfaceError)
