"""Two transactions of PostgreSQL in every order that matters: one pauses before one of its statements for the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from hubwright.errors import HubwrightError
from hubwright.store.database import TRIES
from hubwright.store.writers import give_way, is_conflict

Work = Callable[[Connection], Any]

MOST = 60
"""Statements of a transaction, at most."""


@dataclass
class _Stop:
    """Counts statements, and calls `pause` before the one of number `point`."""

    point: int = 0
    pause: Callable[[], None] = lambda: None
    count: int = 0
    waited_at: int = 0

    def look(self, *_: object) -> None:
        self.count += 1
        if self.count == self.point:
            self.pause()


class Ring:
    """Connections to one database, on which two transactions meet."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = create_engine(url, pool_size=4, connect_args={"options": "-c deadlock_timeout=15ms"})
        self._watching = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._thread = ThreadPoolExecutor(1)

    def close(self) -> None:
        self._thread.shutdown()
        self._watching.close()
        self._engine.dispose()

    def alone(self, work: Work) -> Any:
        """The answer of `work` in a transaction of its own, or the class of the error that ended it."""
        return self._run(work, _Stop())

    def meet(self, first: Work, second: Work, point: int) -> tuple[Any, Any, bool]:
        """Both answers when `first` stops before its statement `point` until `second` has ended or waits for a lock.

        Also whether a later point may lead to anything else: not when `first` has no such statement, nor when already
        the first statement of `second` had to wait.
        """
        begun: list[Future[Any]] = []
        other = _Stop()

        def pause() -> None:
            told: Future[int] = Future()
            begun.append(self._thread.submit(self._run, second, other, told))
            pid = told.result(10)
            while not begun[0].done() and not self._waits(pid):
                threading.Event().wait(0.001)
            other.waited_at = 0 if begun[0].done() else other.count

        answer = self._run(first, _Stop(point, pause))
        if not begun:
            return answer, self._run(second, other), False
        return answer, begun[0].result(20), other.waited_at != 1

    def _waits(self, pid: int) -> bool:
        query = text("SELECT cardinality(pg_blocking_pids(:pid)) > 0")
        return bool(self._watching.execute(query, {"pid": pid}).scalar_one())

    def _run(self, work: Work, stop: _Stop, told: Future[int] | None = None) -> Any:
        """As the writing thread of a hub: what lost a deadlock is done again."""
        for tries in range(1, TRIES + 1):
            with self._engine.connect() as connection:
                if told is not None and not told.done():
                    told.set_result(connection.connection.driver_connection.info.backend_pid)
                event.listen(connection, "before_cursor_execute", stop.look)
                try:
                    with connection.begin():
                        return work(connection)
                except (HubwrightError, DBAPIError) as error:
                    if not is_conflict(error):
                        return type(error)
                finally:
                    event.remove(connection, "before_cursor_execute", stop.look)
            give_way(tries)
        raise AssertionError(f"{TRIES} deadlocks in a row")
