"""Statements as the hub sends them, and what each costs: rows that a database looks at, whole tables that it reads.

SQLite counts the instructions of its machine, PostgreSQL tells how many rows each step gave and threw away. Both tell
of work that grows with a table, whether or not the plan names an index.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Index, event

from hubwright.store.schema import metadata


def _options(index: Index) -> dict[str, Any]:
    return {name: value for name, value in index.dialect_options["sqlite"].items() if value is not None}


MOST_VALUES = 3
"""Times that the same statement is kept with other values."""

MOST_INSTRUCTIONS = 75_000
"""Of SQLite's machine for one statement: two hundred builds with their runs or stages take a third of that."""

MOST_ROWS = 4_000
"""That PostgreSQL reads for one statement."""

SMALL = frozenset(
    {
        "alembic_version", "builder", "builder_kind", "cache", "github_budget", "github_credential",
        "github_token", "reporter", "secret",
    }
)  # fmt: skip
"""Tables with a bound: builders, what people entered, and caches, which `CACHE__TOTAL` bounds."""

GROWING = {table.name for table in metadata.sorted_tables} - SMALL
_PARTIAL = {index.name for table in metadata.sorted_tables for index in table.indexes if "where" in _options(index)}
_STEP = 1_000
_READS = re.compile(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """A statement with values, and during what it was sent first."""

    statement: str
    values: Any
    during: str


@dataclass
class Recorder:
    """Every statement that any database of this process was sent."""

    during: str = "start"
    asked: dict[str, list[Asked]] = field(default_factory=dict)

    def note(self, _connection: Any, _cursor: Any, statement: str, values: Any, _context: Any, many: bool) -> None:
        """SQLAlchemy's `before_cursor_execute`."""
        if _READS.match(statement):
            known = self.asked.setdefault(statement, [])
            value = values[0] if many else values
            if len(known) < MOST_VALUES and value not in [one.values for one in known]:
                known.append(Asked(statement, value, self.during))


@contextmanager
def recording() -> Iterator[Recorder]:
    """Note all statements of this process."""
    recorder = Recorder()
    event.listen(Engine, "before_cursor_execute", recorder.note)
    try:
        yield recorder
    finally:
        event.remove(Engine, "before_cursor_execute", recorder.note)


def find_faults(connection: Connection, one: Asked) -> Iterator[str]:
    """What is wrong with how the statement is answered; whatever it changes is rolled back."""
    read = _read_sqlite if connection.dialect.name == "sqlite" else _read_postgresql
    with connection.begin() as transaction:
        yield from read(connection, one)
        transaction.rollback()


def _read_sqlite(connection: Connection, one: Asked) -> Iterator[str]:
    limited = "LIMIT" in one.statement.upper()
    for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one.statement}", one.values).all():
        if _is_scan(row.detail) and not limited:
            yield row.detail
    if (instructions := _count_instructions(connection, one)) > MOST_INSTRUCTIONS:
        yield f"{instructions:,} instructions"


def _is_scan(step: str) -> bool:
    """Whether a whole table is read, which is none of the few that stay small, nor an index of a part of its rows."""
    found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
    return found is not None and found[1] in GROWING and found[2] not in _PARTIAL


def _count_instructions(connection: Connection, one: Asked) -> int:
    opened = connection.connection.driver_connection
    assert isinstance(opened, sqlite3.Connection)
    count = 0

    def step() -> int:
        nonlocal count
        count += _STEP
        return 0

    opened.set_progress_handler(step, _STEP)
    try:
        connection.exec_driver_sql(one.statement, one.values).close() if not _gives_rows(one.statement) else (
            connection.exec_driver_sql(one.statement, one.values).all()
        )
    finally:
        opened.set_progress_handler(None, 0)
    return count


def _gives_rows(statement: str) -> bool:
    return statement.lstrip()[:6].upper() in {"SELECT", "WITH"} or "RETURNING" in statement.upper()


def _read_postgresql(connection: Connection, one: Asked) -> Iterator[str]:
    connection.exec_driver_sql(
        "SET LOCAL enable_seqscan = off"
    )  # small tables are rightly read whole; large ones are not
    connection.exec_driver_sql("SET LOCAL jit = off")  # for what that makes of the costs, each would be compiled first
    explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {one.statement}"
    told = connection.exec_driver_sql(explain, one.values).scalar_one()
    plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    nodes = list(_walk(plan))
    rows = sum(_rows(node) for node in nodes if "Relation Name" in node or node["Node Type"].startswith("Bitmap"))
    if rows > MOST_ROWS:
        yield f"{rows:,.0f} rows read"
    for node in nodes:
        if node["Node Type"] == "Seq Scan" and _rows(node) > MOST_SCANNED:
            yield f"Seq Scan of {node['Relation Name']}, {_rows(node):,.0f} rows"


MOST_SCANNED = 300
"""Rows of a table that is read whole: of so few that is the quickest way."""


def _rows(node: dict[str, Any]) -> float:
    lost = sum(float(node.get(f"Rows Removed by {way}", 0)) for way in ("Filter", "Index Recheck", "Join Filter"))
    return (float(node["Actual Rows"]) + lost) * float(node["Actual Loops"])


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("Plans", ()):
        yield from _walk(inner)
