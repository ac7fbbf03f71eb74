"""The rows of the copy of GitHub as merging needs them: locked by their keys, and written in few statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import orjson
from sqlalchemy import Connection, String, Table, bindparam, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.replica_merge import Row, read_row, write_versions
from hubwright.store.schema import metadata

Key = tuple[int | str, ...]

CHUNK = 1000
"""Rows of one statement."""

_COUNTED = {"preserve_rowcount": True}
_OWN = {"raw", "versions", "deleted_at", "last_replicated_at"}
_WAYS = ("last_replicated_via_webhook_at", "last_replicated_via_api_at")


@dataclass(frozen=True, slots=True)
class Shape:
    """A table, the names of its key, and of the columns that GitHub fills."""

    table: Table
    key: tuple[str, ...]
    told: tuple[str, ...]


@cache
def shape_of(kind: str) -> Shape:
    """The table of a kind of records."""
    table = metadata.tables[f"gh_{kind}"]
    key = tuple(column.name for column in table.primary_key.columns)
    told = [column.name for column in table.c if column.name not in {*key, *_OWN, *_WAYS}]
    return Shape(table, key, tuple(told))


def load_known(connection: Connection, kind: str, keys: Sequence[Key]) -> dict[Key, tuple[Row, Any]]:
    """The rows of these keys, and each as the database has it. On PostgreSQL they are locked, in the order of keys."""
    shape = shape_of(kind)
    on_postgres = connection.dialect.name == "postgresql"
    found: dict[Key, tuple[Row, Any]] = {}
    for some in _chunks(sorted(keys)):
        columns = [list(column) for column in zip(*some, strict=True)]
        given = {f"keys{n}": column for n, column in enumerate(columns)} if on_postgres else {"keys": _write_keys(some)}
        for kept in connection.execute(_query(kind, on_postgres=on_postgres), given).mappings():
            told = {name: kept[name] for name in shape.told}
            key = tuple(kept[name] for name in shape.key)
            found[key] = (read_row(kind, told, kept["deleted_at"], kept["versions"]), kept)
    return found


def _write_keys(keys: list[Key]) -> str:
    """As SQLite takes them: one text, so that one statement serves any number."""
    return orjson.dumps([key if len(key) > 1 else key[0] for key in keys]).decode()


def insert_rows(connection: Connection, kind: str, rows: Sequence[tuple[Key, Row]], way: str, now: float) -> int:
    """Add rows; how many: another process may have been quicker with some."""
    shape = shape_of(kind)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = [{**_whole(shape, key, row), "raw": row.raw, way: now} for key, row in rows]
    added = 0
    for some in _chunks(values):
        added += connection.execute(_insert(dialect.__name__, kind, way), some, execution_options=_COUNTED).rowcount
    return added


def renew_rows(connection: Connection, kind: str, rows: Sequence[tuple[Key, Row]], way: str, now: float) -> None:
    """Write what rows now tell; `raw` where it is new."""
    shape = shape_of(kind)
    for with_raw in (True, False):
        chosen = [(key, row) for key, row in rows if (row.raw is not None) is with_raw]
        raw = [{"raw": row.raw} if with_raw else {} for _, row in chosen]
        values = [
            _marked(shape, key, {**_whole(shape, key, row), **more, way: now})
            for (key, row), more in zip(chosen, raw, strict=True)
        ]
        if values:
            connection.execute(_update(kind, way, with_raw=with_raw, whole=True), values)


def touch_rows(connection: Connection, kind: str, rows: Sequence[tuple[Key, Row]], way: str, now: float) -> None:
    """Note that rows were told of again, and what versions they have."""
    shape = shape_of(kind)
    values = [_marked(shape, key, {"versions": write_versions(row), way: now}) for key, row in rows]
    if values:
        connection.execute(_update(kind, way, with_raw=False, whole=False), values)


def _whole(shape: Shape, key: Key, row: Row) -> dict[str, Any]:
    told = row.values
    values = {name: told.get(name) for name in shape.told}
    values |= zip(shape.key, key, strict=True)
    return values | {"versions": write_versions(row), "deleted_at": row.deleted_at}


def _marked(shape: Shape, key: Key, values: dict[str, Any]) -> dict[str, Any]:
    """The key under names that are no columns: an update takes those for what is to be set."""
    return values | {f"key_{name}": part for name, part in zip(shape.key, key, strict=True)}


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
def _insert(dialect: str, kind: str, way: str) -> Any:
    shape = shape_of(kind)
    names = (*shape.key, *shape.told, "versions", "deleted_at", "raw", way)
    make = postgresql.insert if dialect.endswith("postgresql") else sqlite.insert
    return make(shape.table).values({name: bindparam(name) for name in names}).on_conflict_do_nothing()


@cache
def _update(kind: str, way: str, *, with_raw: bool, whole: bool) -> Any:
    shape = shape_of(kind)
    names = ("versions", way, *((*shape.told, "deleted_at") if whole else ()), *(("raw",) if with_raw else ()))
    of = [shape.table.c[name] == bindparam(f"key_{name}") for name in shape.key]
    return update(shape.table).where(*of).values({name: bindparam(name) for name in names})
