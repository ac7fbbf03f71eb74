"""Questions in SQL that people ask: they read only, see no secret, and end.

Three walls, each the database's own: a connection that can't write; tables with secrets that this connection can't
read (an authorizer on SQLite, a role of its own on PostgreSQL); and bounds of rows, bytes and seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import make_url

from hubwright.errors import UnprocessableError
from hubwright.store.database import DatabaseBusyError
from hubwright.store.sql_answers import Bounds, Found
from hubwright.store.sql_postgresql import ask_postgresql
from hubwright.store.sql_sqlite import ask_sqlite

MAX_TEXT = 20_000
"""Characters of a question."""

PARALLEL = 3
"""Questions that a process answers at once."""


class Questions:
    """Answers SQL. `reader_url` is a login of PostgreSQL that may read no secrets; without one a role is made.

    `bounds` are the most that any question may have.
    """

    def __init__(self, url: str, bounds: Bounds, reader_url: str | None = None) -> None:
        self.bounds = bounds
        self._free = threading.BoundedSemaphore(PARALLEL)
        self._ask = _make_asker(url, reader_url)

    def ask(self, text: str, *, rows: int | None = None) -> Found:
        """The answer to one SELECT, at most `rows` of it. Blocks.

        Raises UnprocessableError for what is no such thing, takes too long or may not be read; SettingsError when the
        database gives no safe login; DatabaseBusyError when too many ask.
        """
        question = text.strip().rstrip(";").rstrip()
        if not question:
            raise UnprocessableError("The question is empty: write a SELECT.")
        if len(question) > MAX_TEXT:
            raise UnprocessableError(f"The question has more than {MAX_TEXT} characters.")
        if "\0" in question:
            raise UnprocessableError("The question has a NUL in it.")
        bounds = self.bounds if rows is None else replace(self.bounds, rows=max(1, min(rows, self.bounds.rows)))
        with self._turn():
            began = time.monotonic()
            found = self._ask(question, bounds)
            return replace(found, seconds=round(time.monotonic() - began, 3))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._free.acquire(blocking=False):
            raise DatabaseBusyError(f"{PARALLEL} questions are being answered already: ask again in a moment.")
        try:
            yield
        finally:
            self._free.release()


def _make_asker(url: str, reader_url: str | None) -> Callable[[str, Bounds], Found]:
    if make_url(url).get_backend_name() == "sqlite":
        path = make_url(url).database or ""
        return lambda question, bounds: ask_sqlite(path, question, bounds)
    return lambda question, bounds: ask_postgresql(url, reader_url, question, bounds)
