"""What a whole listing no longer has, among the rows that belong to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Table, func, or_, select, tuple_

from hubwright.store.schema import metadata

WEBHOOK_MARGIN = 10.0
"""Seconds by which GitHub's lists may lag behind its webhooks: what one told of just before is not missed yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """What a scan has listed: of `kind`, rows with the values `scope`; `began_at` is Unix time, by our clock."""

    kind: str
    scope: Mapping[str, Any]
    began_at: float
    seen: Collection[tuple[Any, ...]] = field(repr=False)


def load_missing(connection: Connection, listed: Listed, also: Sequence[str]) -> list[Row[Any]]:
    """Rows of the scope that were not seen and not told of since: their key, then the columns `also`."""
    table = table_of(listed.kind)
    keys = list(table.primary_key.columns)
    told = (table.c.last_replicated_via_api_at, listed.began_at)
    heard = (table.c.last_replicated_via_webhook_at, listed.began_at - WEBHOOK_MARGIN)
    older = [or_(column.is_(None), column < moment) for column, moment in (told, heard)]
    of = [table.c[name] == value for name, value in listed.scope.items()]
    rows = connection.execute(
        select(*keys, *(table.c[name] for name in also))
        .where(*of, *older, table.c.deleted_at.is_(None))
        .order_by(*keys)
    )
    return [row for row in rows if tuple(row[: len(keys)]) not in listed.seen]


def are_alive(connection: Connection, kind: str, keys: Collection[tuple[Any, ...]]) -> bool:
    """Whether all of these have a row and none a tombstone."""
    table = table_of(kind)
    columns = list(table.primary_key.columns)
    of = columns[0].in_([key[0] for key in keys]) if len(columns) == 1 else tuple_(*columns).in_(keys)
    alive = select(func.count()).select_from(table).where(of, table.c.deleted_at.is_(None))
    return connection.execute(alive).scalar_one() == len(keys)


def key_length(kind: str) -> int:
    """How many columns the key has."""
    return len(table_of(kind).primary_key.columns)


def table_of(kind: str) -> Table:
    """The table of a kind of record."""
    return metadata.tables[f"gh_{kind}"]
