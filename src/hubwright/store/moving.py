"""Rows of every table from SQLite to PostgreSQL: streamed, counted, and compared by sums over what both give back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Row, String, Table, delete, select, text

from hubwright.errors import ConflictError
from hubwright.store.schema import folder, metadata

PORTION = 1_000
"""Rows that are held in memory at once."""

_NUL, _INSTEAD = "\x00", "\ufffd"
_WIDTH = 16  # bytes of a row's sum


@dataclass(slots=True)
class RowSum:
    """How many rows a table has, and a sum over them that does not depend on their order."""

    rows: int = 0
    total: int = 0
    replaced: int = field(default=0, compare=False)  # texts with a character that PostgreSQL does not have

    def add(self, values: Iterable[Any]) -> None:
        """Count a row in."""
        self.rows += 1
        digest = blake2b(_write_row(values), digest_size=_WIDTH).digest()
        self.total = (self.total + int.from_bytes(digest, "big")) % (1 << 8 * _WIDTH)


def moved_tables() -> list[Table]:
    """Every table; one that others refer to comes before them."""
    return list(metadata.sorted_tables)


def take_target(connection: Connection) -> None:
    """Keep everybody else from writing until the transaction ends. Raises ConflictError when there are rows already."""
    preparer = connection.dialect.identifier_preparer
    names = [preparer.format_table(table) for table in moved_tables()]
    connection.execute(text(f"LOCK TABLE {', '.join(names)} IN EXCLUSIVE MODE"))
    connection.execute(delete(folder).where(folder.c.path == "", folder.c.version == 0))  # which a migration has made
    for table in moved_tables():
        if connection.execute(select(1).select_from(table).limit(1)).first() is not None:
            raise ConflictError(
                f"The target has rows already (in {table.name}): take an empty database. One that was moved is whole."
            )


def copy_table(source: Connection, target: Connection, table: Table) -> RowSum:
    """Copy every row from SQLite to PostgreSQL; the sum of what was read. Raises ConflictError for one that can't be.

    Texts may hold NUL in SQLite; PostgreSQL has none, so U+FFFD stands for it there.
    """
    found = RowSum()
    columns = _stored(table)
    names = [target.dialect.identifier_preparer.quote(column.name) for column in columns]
    place = target.dialect.identifier_preparer.format_table(table)
    binders = [_binder(column.type, target) for column in columns]
    checks = [_check(table, column.name, column.type) for column in columns]
    cursor: Any = target.connection.cursor()
    try:
        with cursor, cursor.copy(f"COPY {place} ({', '.join(names)}) FROM STDIN") as copy:
            for row in _stream(source, table):
                values = [check(value, row, found) for check, value in zip(checks, row, strict=True)]
                found.add(values)
                copy.write_row([bind(value) for bind, value in zip(binders, values, strict=True)])
    except target.dialect.loaded_dbapi.Error as error:
        reason = str(error).partition("\n")[0]
        raise ConflictError(f"PostgreSQL does not take the rows of {table.name}: {reason}") from error
    return found


def sum_table(connection: Connection, table: Table) -> RowSum:
    """The sum over the rows that a table has now."""
    found = RowSum()
    for row in _stream(connection, table):
        found.add(row)
    return found


def copy_counters(source: Connection, target: Connection) -> None:
    """Numbers go on where they were, also those of rows that are gone: none is given twice."""
    given = {row.name: int(row.seq) for row in source.execute(text("SELECT name, seq FROM sqlite_sequence"))}
    for table in moved_tables():
        column = table.autoincrement_column
        if column is None:
            continue
        place = target.dialect.identifier_preparer.format_table(table)
        sequence = target.execute(
            text("SELECT pg_get_serial_sequence(:place, :column)"), {"place": place, "column": column.name}
        ).scalar()
        newest = max(given.get(table.name, 0), int(target.execute(select(_highest(column))).scalar() or 0))
        if sequence is not None and newest:
            target.execute(text("SELECT setval(:sequence, :newest)"), {"sequence": sequence, "newest": newest})


def _highest(column: Any) -> Any:
    return select(column).order_by(column.desc()).limit(1).scalar_subquery()


def _stored(table: Table) -> list[Column[Any]]:
    """The columns that hold something; the others the database makes of these."""
    return [column for column in table.columns if column.computed is None]


def _stream(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    """Every row, a portion at a time; PostgreSQL would else give all at once."""
    streamed = {"stream_results": True, "yield_per": PORTION}
    yield from connection.execute(select(*_stored(table)), execution_options=streamed)


def _binder(kind: Any, target: Connection) -> Callable[[Any], Any]:
    """How a value of a column is handed to PostgreSQL."""
    processor = kind.dialect_impl(target.dialect).bind_processor(target.dialect)
    return processor or (lambda value: value)


def _check(table: Table, name: str, kind: Any) -> Callable[[Any, Row[Any], RowSum], Any]:
    """What looks whether a value fits: SQLite holds no text to the length of its column."""
    if not isinstance(kind, String):
        return lambda value, _row, _sum: value

    def check(value: str | None, row: Row[Any], found: RowSum) -> str | None:
        if value is None:
            return None
        if _NUL in value:
            value = value.replace(_NUL, _INSTEAD)
            found.replaced += 1
        if kind.length is not None and len(value) > kind.length:
            key = ", ".join(str(row._mapping[column]) for column in table.primary_key)
            raise ConflictError(
                f"{table.name} {key}: {name} has {len(value)} characters, PostgreSQL takes {kind.length}: shorten it."
            )
        return value

    return check


def _write_row(values: Iterable[Any]) -> bytes:
    """A row as bytes, the same of both databases."""
    plain = [_plain(value) for value in values]
    try:
        return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # numbers beyond 64 bits
        return json.dumps(plain, sort_keys=True).encode()


def _plain(value: Any) -> Any:
    """JSONB writes 1e2 as 100 and has no -0.0; what is equal is written alike."""
    match value:
        case bytes():
            return value.hex()
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
