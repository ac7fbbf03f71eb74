"""Questions in SQL that people ask: they read only, see no secret, and end.

Three walls, each the database's own: a connection that can't write; tables with secrets that this connection can't
read (an authorizer on SQLite, a role of its own on PostgreSQL); and bounds of rows, bytes and seconds.

Databases look at the clock between their steps, and one step may take hours (`btrim` of long texts). SQLite's process
is killed then. PostgreSQL's can't be: the asker is told, and the question's place stays taken until the server is done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from hubwright.errors import HubwrightError, UnprocessableError
from hubwright.store.sql_answers import Bounds, Found
from hubwright.store.writers import DatabaseBusyError

MAX_TEXT = 20_000
"""Characters of a question."""

PARALLEL = 3
"""Questions that a process answers at once."""

GRACE = 5.0
"""Seconds beyond its time for which an answer is waited for: to connect, and for the way back."""


class Questions:
    """Answers SQL. `ask` asks one database, as `ask_sqlite` and `ask_postgresql` do; `bounds` are the most of any."""

    def __init__(self, ask: Callable[[str, Bounds], Found], bounds: Bounds) -> None:
        self.bounds = bounds
        self._free = threading.BoundedSemaphore(PARALLEL)
        self._ask = ask

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
        if not self._free.acquire(blocking=False):
            raise DatabaseBusyError(f"{PARALLEL} questions are being answered already: ask again in a moment.")
        answer: Future[Found] = Future()
        threading.Thread(target=self._answer, args=(question, bounds, answer), name="sql", daemon=True).start()
        try:
            return answer.result(bounds.seconds + GRACE)
        except TimeoutError as error:
            raise UnprocessableError(f"The question took longer than {bounds.seconds:g} s and was given up.") from error

    def _answer(self, question: str, bounds: Bounds, answer: Future[Found]) -> None:
        """Answer in a thread, and give the place free when the database is done."""
        began = time.monotonic()
        try:
            found = self._ask(question, bounds)
        except HubwrightError as error:
            self._free.release()
            answer.set_exception(error)
        except BaseException:
            self._free.release()
            answer.cancel()
            raise
        else:
            self._free.release()
            answer.set_result(replace(found, seconds=round(time.monotonic() - began, 3)))
