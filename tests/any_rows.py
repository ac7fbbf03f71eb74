"""Rows for any table, with values at the edges of their columns: for what must treat every table alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from hubwright.store.moments import Moment, write_moment

ROWS = 3

_TEXT = "Ü\U0001f600 \u202e\\N\t\r\n'\"\\x00 "
_DOCUMENT: dict[str, Any] = {
    "": [],
    "ü\n": {"deep": [1, 2.5, -0.0, 1e22, 1e-7, 2**63 - 1, True, None, "a\\u0000b"]},
    "10": 100.0,
    "9": "",
}
_BEGIN = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)


def fill(
    connection: sa.Connection,
    tables: Iterable[sa.Table],
    rows: int = ROWS,
    start: int = 0,
    known: Mapping[str, set[str]] | None = None,
) -> None:
    """Add rows to each of the tables, which come in the order of their references.

    `known`: as a program writes them that knows only these tables and columns.
    """
    kept: dict[str, list[dict[str, Any]]] = {}
    for table in tables if known is None else (one for one in tables if one.name in known):
        kept[table.name] = [
            {
                column.name: _refer(column, number, kept) if column.foreign_keys else _value(column, number)
                for column in table.columns
                if column.computed is None and (known is None or column.name in known[table.name])
            }
            for number in range(start, start + rows)
        ]
        connection.execute(sa.insert(table), kept[table.name])


def _refer(column: sa.Column[Any], number: int, kept: dict[str, list[dict[str, Any]]]) -> Any:
    """A row of the other table; the first of a table that refers to itself refers to nothing."""
    (key,) = column.foreign_keys
    there = kept.get(key.column.table.name)
    return there[number % len(there)][key.column.name] if there else None


def _value(column: sa.Column[Any], number: int) -> Any:
    if column.nullable and number == 1:
        return sa.null() if isinstance(column.type, sa.JSON) else None
    if column.primary_key and column.name == "id":
        return number + 11
    return next(make(column, number) for kind, make in _MAKERS if isinstance(column.type, kind))


def _text(column: sa.Column[Any], number: int) -> str:
    """As long as the column takes it; no two alike."""
    length = column.type.length
    begin = f"{number}{column.name}"
    if length is None:
        return begin + _TEXT * 20
    return (f"{number}{_TEXT}{column.name}" * length)[:length]


def _moment(number: int) -> datetime:
    return _BEGIN + timedelta(days=number, microseconds=number)


def _words(column: sa.Column[Any], number: int) -> str:
    """SQLite's columns tell of a moment by their length alone."""
    return write_moment(_moment(number).timestamp()) if column.type.length == 27 else _text(column, number)


_MAKERS: tuple[tuple[type[Any], Callable[[sa.Column[Any], int], Any]], ...] = (
    (Moment, lambda _column, number: _moment(number).timestamp()),
    (sa.DateTime, lambda _column, number: _moment(number)),
    (sa.JSON, lambda _column, number: {**_DOCUMENT, "number": number}),
    (sa.LargeBinary, lambda _column, number: bytes(range(256)) * (1 + number)),
    (sa.Boolean, lambda _column, number: number % 2 == 0),
    (sa.Float, lambda _column, number: number + 1 / 3),
    (sa.BigInteger, lambda _column, number: 2**62 - number),
    (sa.Integer, lambda _column, number: 2**31 - 1 - number),
    (sa.String, _words),
)
