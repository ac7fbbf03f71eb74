"""The rows of the copy of GitHub as merging needs them: locked by their keys, and written in few statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import JSON, Connection, String, Table, select, text

from hubwright.domain.replica_merge import Row, read_row, write_versions
from hubwright.store.engines import write_document
from hubwright.store.moments import Moment, write_moment
from hubwright.store.schema import metadata

Key = tuple[int | str, ...]

CHUNK = 1000
"""Rows of one statement."""

_COUNTED = {"preserve_rowcount": True}
_OWN = {"raw", "versions", "deleted_at", "last_replicated_at"}
_WAYS = ("last_replicated_via_webhook_at", "last_replicated_via_api_at")


@dataclass(frozen=True, slots=True)
class Shape:
    """A table, the names of its key, and of the columns that GitHub fills: first those that are written as they are.

    `times` and `documents` are the last of `told`.
    """

    table: Table
    key: tuple[str, ...]
    told: tuple[str, ...]
    times: tuple[str, ...]
    documents: tuple[str, ...]

    @property
    def plain(self) -> tuple[str, ...]:
        """The columns of `told` that are written as they are."""
        return self.told[: len(self.told) - len(self.times) - len(self.documents)]


@dataclass(frozen=True, slots=True)
class Known:
    """A row that is there, and when it was last told of, by the columns of both ways."""

    row: Row
    told_at: dict[str, float | None]


@cache
def shape_of(kind: str) -> Shape:
    """The table of a kind of records."""
    table = metadata.tables[f"gh_{kind}"]
    key = tuple(column.name for column in table.primary_key.columns)
    told = [column for column in table.c if column.name not in {*key, *_OWN, *_WAYS}]
    times = tuple(column.name for column in told if isinstance(column.type, Moment))
    documents = tuple(column.name for column in told if isinstance(column.type, JSON))
    plain = tuple(column.name for column in told if column.name not in {*times, *documents})
    return Shape(table, key, (*plain, *times, *documents), times, documents)


def load_known(connection: Connection, kind: str, keys: Sequence[Key]) -> dict[Key, Known]:
    """The rows of these keys. On PostgreSQL they are locked, in the order of keys."""
    shape = shape_of(kind)
    on_postgres = connection.dialect.name == "postgresql"
    width, end = len(shape.key), len(shape.key) + len(shape.told)
    found: dict[Key, Known] = {}
    for some in _chunks(sorted(keys)):
        given = _part_keys(some) if on_postgres else {"keys": _write_keys(some)}
        for kept in connection.execute(_query(kind, on_postgres=on_postgres), given):
            told = dict(zip(shape.told, kept[width:end], strict=True))
            deleted_at, versions, *told_at = kept[end:]
            row = read_row(kind, told, deleted_at, versions)
            found[tuple(kept[:width])] = Known(row, dict(zip(_WAYS, told_at, strict=True)))
    return found


def _part_keys(keys: list[Key]) -> dict[str, Any]:
    """As PostgreSQL takes them: a list for each column."""
    return {f"keys{n}": list(column) for n, column in enumerate(zip(*keys, strict=True))}


def _write_keys(keys: list[Key]) -> str:
    """As SQLite takes them: one text, so that one statement serves any number."""
    return orjson.dumps([key if len(key) > 1 else key[0] for key in keys]).decode()


def insert_rows(connection: Connection, kind: str, rows: Sequence[tuple[Key, Row]], way: str, now: float) -> int:
    """Add rows; how many: another process may have been quicker with some."""
    shape, at = shape_of(kind), write_moment(now)
    values = [(*_write(shape, row), at, _write_raw(row), *key) for key, row in rows]
    return _run(connection, _insert(kind, way), values)


def renew_rows(connection: Connection, kind: str, rows: Sequence[tuple[Key, Row]], way: str, now: float) -> None:
    """Write what rows now tell; `raw` where it is new."""
    shape, at = shape_of(kind), write_moment(now)
    whole = [(*_write(shape, row), at, _write_raw(row), *key) for key, row in rows if row.raw is not None]
    parts = [(*_write(shape, row), at, *key) for key, row in rows if row.raw is None]
    _run(connection, _update(kind, (*shape.told, "versions", "deleted_at", way, "raw")), whole)
    _run(connection, _update(kind, (*shape.told, "versions", "deleted_at", way)), parts)


def touch_rows(connection: Connection, kind: str, rows: Sequence[tuple[Key, Row]], way: str, now: float) -> None:
    """Note that rows were told of again, and what versions they have."""
    at = write_moment(now)
    _run(connection, _update(kind, ("versions", way)), [(_write_versions(row), at, *key) for key, row in rows])


def _write(shape: Shape, row: Row) -> list[Any]:
    """What a row tells, as both databases take it from their drivers, its versions and its end."""
    told = row.values.get
    written = list(map(told, shape.plain))
    written += [None if (at := told(name)) is None else write_moment(at) for name in shape.times]
    written += [None if (value := told(name)) is None else write_document(value) for name in shape.documents]
    written += (_write_versions(row), None if row.deleted_at is None else write_moment(row.deleted_at))
    return written


def _write_versions(row: Row) -> str:
    return write_document(write_versions(row))


def _write_raw(row: Row) -> str | None:
    return None if row.raw is None else write_document(row.raw)


def _run(connection: Connection, statement: str, values: Sequence[tuple[Any, ...]]) -> int:
    """By the driver itself: to go through SQLAlchemy's types costs more than all else; how many rows it was for."""
    if connection.dialect.name != "postgresql":
        statement = statement.replace("%s", "?")
    return sum(
        connection.exec_driver_sql(statement, some, execution_options=_COUNTED).rowcount for some in _chunks(values)
    )


def _chunks(items: Sequence[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, CHUNK)):
        yield some


@cache
def _query(kind: str, *, on_postgres: bool) -> Any:
    shape = shape_of(kind)
    table = shape.table
    columns = [table.c[name] for name in (*shape.key, *shape.told, "deleted_at", "versions", *_WAYS)]
    keys = [table.c[name] for name in shape.key]
    names = ", ".join(shape.key)
    if on_postgres:
        kinds = ["text" if isinstance(column.type, String) else "bigint" for column in keys]
        lists = ", ".join(f"CAST(:keys{n} AS {each}[])" for n, each in enumerate(kinds))
        chosen = text(f"({names}) IN (SELECT * FROM unnest({lists}))")  # noqa: S608  only our own names
        return select(*columns).where(chosen).order_by(*keys).with_for_update()
    parts = [f"json_extract(value, '$[{n}]')" for n in range(len(keys))] if len(keys) > 1 else ["value"]
    chosen = text(f"({names}) IN (SELECT {', '.join(parts)} FROM json_each(:keys))")  # noqa: S608  as above
    return select(*columns).where(chosen)


@cache
def _insert(kind: str, way: str) -> str:
    shape = shape_of(kind)
    names = (*shape.told, "versions", "deleted_at", way, "raw", *shape.key)
    columns, marks = ", ".join(map(_quote, names)), ", ".join(["%s"] * len(names))
    return f"INSERT INTO {shape.table.name} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608  as above


@cache
def _update(kind: str, names: tuple[str, ...]) -> str:
    shape = shape_of(kind)
    told = ", ".join(f"{_quote(name)} = %s" for name in names)
    return f"UPDATE {shape.table.name} SET {told} WHERE {' AND '.join(f'{_quote(name)} = %s' for name in shape.key)}"  # noqa: S608


def _quote(name: str) -> str:
    return f'"{name}"'
