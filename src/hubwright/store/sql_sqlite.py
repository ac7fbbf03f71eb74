"""Questions in SQL to SQLite: the file is opened for reading only, and an authorizer looks at all that is touched.

https://www.sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from hubwright.errors import UnprocessableError
from hubwright.store.sql_answers import Bounds, Found, collect
from hubwright.store.sql_tables import HIDDEN, READABLE

_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE})
_TABLES = READABLE | {"json_each", "json_tree"}
_FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "sqlite_log", "readfile", "writefile", "edit"})
_STEPS = 20_000
"""Instructions of SQLite's machine between two looks at the clock."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 32 * 1024 * 1024,  # bytes of a value or row, so that no function fills the memory
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


def ask_sqlite(path: str, question: str, bounds: Bounds) -> Found:
    """The answer from the database file. Raises UnprocessableError."""
    deadline = time.monotonic() + bounds.seconds
    try:
        address = f"{Path(path).absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=bounds.seconds)) as connection:
            _close_doors(connection, deadline)
            with closing(connection.execute(question)) as cursor:
                if cursor.description is None:
                    raise UnprocessableError("Only a SELECT has an answer here.")
                return collect([column[0] for column in cursor.description], cursor, bounds)
    except sqlite3.OperationalError as error:
        if str(error) == "interrupted":
            raise UnprocessableError(f"The question took longer than {bounds.seconds:g} s and was stopped.") from error
        raise _explain(error) from error
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _explain(error) from error


def _close_doors(connection: sqlite3.Connection, deadline: float) -> None:
    connection.execute("PRAGMA query_only=ON")
    connection.text_factory = _read_text
    for limit, value in _LIMITS.items():
        connection.setlimit(limit, value)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    connection.set_authorizer(_authorize)


def _authorize(action: int, name: str | None, detail: str | None, database: str | None, _inside: str | None) -> int:
    """Reading what is open, and functions; nothing else: no change, no other file, no PRAGMA, no schema."""
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if (detail or "").lower() in _FORBIDDEN_FUNCTIONS else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ:
        return sqlite3.SQLITE_OK if _may_read((name or "").lower(), detail, database) else sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_DENY


def _may_read(table: str, column: str | None, database: str | None) -> bool:
    if table in _TABLES:
        return True
    # `count(*)` of a table expression of the question's own: it has a name, but no column and no database
    named_by_question = not column and database is None
    return named_by_question and table not in HIDDEN and not table.startswith(("sqlite_", "pragma_", "dbstat"))


def _read_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _explain(error: Exception) -> UnprocessableError:
    reason = str(error).splitlines()[0] if str(error) else "it gave no reason"
    if "prohibited" in reason or "not authorized" in reason:
        return UnprocessableError(
            f"This can't be read or done with SQL ({reason}): only SELECT, and only from the tables of docs/replica.md."
        )
    return UnprocessableError(f"The database refused the question: {reason}.")
