"""A fair queue of writers with group commit: one thread, one connection, one transaction for all that waits.

The thread takes what has queued, runs it in one transaction and answers everyone after the commit: sixty-four requests
cost one fsync, and SQLite's writers never fight for its lock. When a write of the group fails, the group is rolled
back and each is tried alone, so that only the guilty one fails.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from hubwright.errors import HubwrightError
from hubwright.store.facts import gathering_facts

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
class Write:
    """One queued write: `work(connection, items)` gives one answer per item; `item` is this one's.

    `first` is work and item of the beginning of the transaction.
    """

    work: Callable[[Connection, list[Any]], list[Any]]
    item: Any
    future: Future[Any] | asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop | None
    first: tuple[First, Any] | None = None


_Answers = Sequence[tuple[Write, Any, BaseException | None]]


class Writer:
    """A queue of its own, and the thread that empties it over one connection of `engine`."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._closed = False
        self._connection: Connection | None = None
        self._wrote_at = 0.0
        self._thread = threading.Thread(target=self._drain, name=name, daemon=True)
        self._thread.start()

    def is_here(self) -> bool:
        """Whether who asks is inside one of its transactions."""
        return threading.current_thread() is self._thread

    def put(self, write: Write) -> None:
        """Queue it. Raises DatabaseBusyError."""
        if self._closed:
            raise DatabaseBusyError("the database is closed: the hub is stopping")
        if self._queue.qsize() > QUEUED_WRITES:
            raise DatabaseBusyError(
                f"{QUEUED_WRITES} writes wait for the database; it is slow or down, try again later"
            )
        self._queue.put(write)

    def close(self) -> None:
        """Finish what is queued; what comes later is refused."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._engine.dispose()

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

    def _commit(self, group: list[Write], tries: int = TRIES) -> _Answers:
        begun = False
        try:
            connection = self._hold()
            with connection.begin():
                begun = True
                with gathering_facts(connection):
                    _perform_first(connection, group)
                    answers = [(write, answer, None) for write, answer in _perform(connection, group)]
            return answers
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
        if self._connection is not None and now - self._wrote_at > HELD:
            self._let_go()
        if self._connection is None:
            self._connection = self._engine.connect()
        self._wrote_at = now
        return self._connection

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _perform(connection: Connection, group: list[Write]) -> Iterator[tuple[Write, Any]]:
    """Run the writes in their order; neighbours with the same work go together."""
    for work, neighbours in groupby(group, key=lambda write: write.work):
        writes = list(neighbours)
        yield from zip(writes, work(connection, [write.item for write in writes]), strict=True)


def _perform_first(connection: Connection, group: list[Write]) -> None:
    items: dict[First, list[Any]] = {}
    for write in group:
        if write.first is not None:
            items.setdefault(write.first[0], []).append(write.first[1])
    for work, some in items.items():
        work(connection, some)


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
