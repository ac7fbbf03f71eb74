"""The process in which SQLite answers one question: it can be killed, which a thread within a function of SQL can't.

It reads the question from stdin, writes the answer to stdout, both JSON, and imports the standard library only.
The file is opened for reading only, and an authorizer looks at all that is touched.
https://www.sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import json
import math
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from hubwright.store.sql_answers import Bounds, collect

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

MEMORY = 512 * 1024 * 1024
"""Bytes that SQLite may hold; the whole process may have four times that."""

SCRATCH = 1024 * 1024 * 1024
"""Bytes of a temporary file, in which SQLite sorts."""

_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE})
_TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})
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


class Walls:
    """What a question may touch: `readable` tables; `hidden` are those that must not even be counted."""

    def __init__(self, readable: frozenset[str], hidden: frozenset[str]) -> None:
        self._tables = readable | _TABLE_FUNCTIONS
        self._hidden = hidden

    def authorize(
        self, action: int, name: str | None, detail: str | None, database: str | None, _inside: str | None
    ) -> int:
        """Reading what is open, and functions; nothing else: no change, no other file, no PRAGMA, no schema."""
        if action in _ALLOWED:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_DENY if (detail or "").lower() in _FORBIDDEN_FUNCTIONS else sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and self._may_read((name or "").lower(), detail, database):
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def _may_read(self, table: str, column: str | None, database: str | None) -> bool:
        if table in self._tables:
            return True
        # `count(*)` of a table expression of the question's own: it has a name, but no column and no database
        named_by_question = not column and database is None
        return (
            named_by_question and table not in self._hidden and not table.startswith(("sqlite_", "pragma_", "dbstat"))
        )


def main() -> None:
    """Answer the question of stdin on stdout."""
    asked = json.loads(sys.stdin.buffer.read())
    bounds = Bounds(asked["rows"], asked["seconds"], asked["size"])
    _bound_process(bounds)
    walls = Walls(frozenset(asked["readable"]), frozenset(asked["hidden"]))
    sys.stdout.write(json.dumps(answer(asked["path"], asked["question"], bounds, walls)))


def answer(path: str, question: str, bounds: Bounds, walls: Walls) -> Mapping[str, Any]:
    """`columns`, `rows` and `cut`; or `refused` with the reason, `late` when it took too long."""
    deadline = time.monotonic() + bounds.seconds
    address = f"{Path(path).absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=bounds.seconds)) as connection:
            _close_doors(connection, deadline, walls)
            with closing(connection.execute(question)) as cursor:
                if cursor.description is None:
                    return {"silent": True}
                found = collect([column[0] for column in cursor.description], cursor, bounds)
                return {"columns": found.columns, "rows": found.rows, "cut": found.cut}
    except (sqlite3.Error, sqlite3.Warning) as error:
        return {"late": True} if str(error) == "interrupted" else {"refused": _word(error)}
    except MemoryError:
        return {"refused": "it needs too much memory"}
    except UnicodeError:
        return {"refused": "it has characters that are none"}


def _bound_process(bounds: Bounds) -> None:
    """What is left when nobody is there to kill it: seconds of the processor, memory, scratch files."""
    if resource is None:
        return
    seconds = math.ceil(bounds.seconds) + 2
    wanted = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_AS: 4 * MEMORY, resource.RLIMIT_FSIZE: SCRATCH}
    for limit, value in wanted.items():
        hard = resource.getrlimit(limit)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (most, most))


def _close_doors(connection: sqlite3.Connection, deadline: float, walls: Walls) -> None:
    connection.execute("PRAGMA query_only=ON")
    connection.execute(f"PRAGMA hard_heap_limit={MEMORY}")
    connection.text_factory = _read_text
    for limit, value in _LIMITS.items():
        connection.setlimit(limit, value)
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    connection.set_authorizer(walls.authorize)


def _read_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _word(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else "it gave no reason"
