"""The door to the database: many readers, and writers in fair queues with group commit (`store.writers`).

All writes of a process go through one thread; on PostgreSQL webhooks, for which GitHub waits, have another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import DBAPIError

from hubwright.store.engines import MEMORY, open_engine
from hubwright.store.writers import TRIES, First, Write, Writer, give_way, is_conflict

T = TypeVar("T")
Item = TypeVar("Item")


class Database:
    """An open database. `url` is SQLAlchemy's; `sqlite:///path` or `postgresql+psycopg://…`.

    `given` is what each of its connections says in its execution options.
    """

    def __init__(self, url: str, *, readers: int = 4, given: Mapping[str, Any] | None = None) -> None:
        self.url = url
        self.dialect = make_url(url).get_backend_name()
        self._writer_engine = open_engine(url, size=1, begin="BEGIN IMMEDIATE")
        self.engine = open_engine(url, size=readers, begin="BEGIN", isolation="AUTOCOMMIT")
        door_engine = self._writer_engine
        if self.dialect != "sqlite":  # there writers wait for rows that others lock, other hubs too
            door_engine = open_engine(url, size=1, begin="BEGIN")
        for engine in {self._writer_engine, door_engine, self.engine}:
            engine.update_execution_options(**(given or {}))
        self.engine.update_execution_options(**{MEMORY: {}})
        self._apart = self.engine
        if self.dialect != "sqlite":
            self._apart = self.engine.execution_options(isolation_level="READ COMMITTED")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._writer = Writer(self._writer_engine, "writer")
        self._door = self._writer
        if door_engine is not self._writer_engine:
            self._door = Writer(door_engine, "writer-at-door")

    @property
    def folder(self) -> Path | None:
        """Where the file of SQLite lies; None for others."""
        path = make_url(self.url).database
        return Path(path).absolute().parent if self.dialect == "sqlite" and path else None

    def close(self) -> None:
        """Finish the queued writes and close every connection; later writes are refused with DatabaseBusyError."""
        for writer in {self._door, self._writer}:
            writer.close()
        self._readers.shutdown()
        self.engine.dispose()

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
        self._put(Write(_alone, work, future, None, first))
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
        return self._queue(self._writer, work, item)

    def write_at_door(self, work: Callable[[Connection, list[Item]], list[Any]], item: Item) -> asyncio.Future[Any]:
        """As `write_each`, for what strangers wait for: on PostgreSQL it stands behind no write that waits for rows
        which another transaction has locked. Its order among other writes is not kept there.
        """
        return self._queue(self._door, work, item)

    def _queue(
        self, writer: Writer, work: Callable[[Connection, list[Item]], list[Any]], item: Item
    ) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._put(Write(work, item, future, loop), writer)
        return future

    def _put(self, write: Write, writer: Writer | None = None) -> None:
        if self._writer.is_here() or self._door.is_here():  # it would wait for itself for ever, and everybody for it
            raise RuntimeError("a write asked for another write inside its transaction")
        (writer or self._writer).put(write)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self.reading() as connection:
            return work(connection)


def _alone(connection: Connection, works: list[Callable[[Connection], Any]]) -> list[Any]:
    return [work(connection) for work in works]
