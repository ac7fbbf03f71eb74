"""Deliveries: every webhook as it came, once, until the hub has understood it and for a while after."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, literal_column, null, select, update

from hubwright.errors import NotFoundError
from hubwright.store.moments import Moment, write_moment
from hubwright.store.queues import AT_ONCE
from hubwright.store.schema import delivery

_NOTE = (
    update(delivery)
    .where(delivery.c.id == bindparam("delivery_key"))
    .values(repository=bindparam("about"), outcome=bindparam("said"))
)
_END = (
    update(delivery)
    .where(
        delivery.c.id == bindparam("delivery_key"),
        delivery.c.lease_owner == bindparam("owner"),
        delivery.c.state == "leased",
    )
    .values(
        state="done",
        finished_at=bindparam("now", type_=Moment()),
        error=null(),
        lease_until=null(),
        repository=bindparam("about"),
        outcome=bindparam("said"),
    )
)
_COLUMNS = "guid, event, source, received_at, body, headers, repository, state, attempts, next_try_at"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivery to keep; `body` is JSON, `received_at` Unix seconds, `headers` those of its request that matter.

    `repository` is the one among whose deliveries it has its order; None: it has none.
    """

    guid: str
    event: str
    source: str
    body: bytes
    received_at: float
    headers: Mapping[str, str] | None = None
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of it: its number, and whether it was there before."""

    id: int
    duplicate: bool


def keep_deliveries(connection: Connection, items: list[Incoming]) -> list[Kept]:
    """Keep many in one go; those with a known guid are told apart as duplicates. One answer per item, in order."""
    fresh: dict[str, Incoming] = {}
    for item in items:
        fresh.setdefault(item.guid, item)
    added = _insert_new(connection, list(fresh.values()))
    known = _load_ids(connection, [guid for guid in fresh if guid not in added])
    answers = []
    for item in items:
        new = added.get(item.guid)
        if new is not None and fresh[item.guid] is item:
            answers.append(Kept(new, duplicate=False))
        else:
            answers.append(Kept(new if new is not None else known[item.guid], duplicate=True))
    return answers


def _insert_new(connection: Connection, items: Sequence[Incoming]) -> dict[str, int]:
    """One statement for all, by the driver itself: this is the hottest write of the hub."""
    on_postgres = connection.dialect.name == "postgresql"
    mark = "%s" if on_postgres else "?"
    row = f"({', '.join([mark] * 7)}, 'waiting', 0, {mark})"
    sql = (
        f"INSERT INTO delivery ({_COLUMNS}) VALUES {', '.join([row] * len(items))} "  # noqa: S608  only our own marks
        "ON CONFLICT (guid) DO NOTHING RETURNING guid, id"
    )
    values: list[Any] = []
    at_once = write_moment(AT_ONCE)
    for item in items:
        moment = write_moment(item.received_at)
        headers = orjson.dumps(item.headers).decode() if item.headers else None
        body = zlib.compress(item.body, 1)
        values += (item.guid, item.event, item.source, moment, body, headers, item.repository, at_once)
    return {row.guid: row.id for row in connection.exec_driver_sql(sql, tuple(values))}


def _load_ids(connection: Connection, guids: Sequence[str]) -> dict[str, int]:
    if not guids:
        return {}
    rows = connection.execute(select(delivery.c.guid, delivery.c.id).where(delivery.c.guid.in_(guids)))
    return {row.guid: row.id for row in rows}


def keep_delivery(connection: Connection, item: Incoming) -> Kept:
    """Keep one."""
    return keep_deliveries(connection, [item])[0]


def keep_outcome(connection: Connection, number: int, repository: str | None, outcome: str) -> None:
    """Note what the hub made of a delivery."""
    connection.execute(_NOTE, {"delivery_key": number, "about": repository, "said": outcome[:1000]})


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery that was understood: its number, whose it is, and what the hub made of it."""

    id: int
    repository: str | None
    outcome: str


def end_deliveries(connection: Connection, ended: Sequence[Ended], owner: str, now: float) -> None:
    """The work on them is done; what `owner` no longer holds stays as it is."""
    if ended:
        told = [
            {"delivery_key": one.id, "about": one.repository, "said": one.outcome[:1000], "owner": owner, "now": now}
            for one in ended
        ]
        connection.execute(_END, told)


def read_body(kept: bytes) -> bytes:
    """The JSON of a kept body."""
    return zlib.decompress(kept)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a kept delivery is, and how it stands."""

    event: str
    source: str
    state: str


def load_standing(connection: Connection, number: int) -> Standing:
    """How a delivery stands. Raises NotFoundError."""
    columns = (delivery.c.event, delivery.c.source, delivery.c.state)
    row = connection.execute(select(*columns).where(delivery.c.id == number)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no delivery {number}.")
    return Standing(*row)


def load_failed(connection: Connection, limit: int, but: str) -> list[int]:
    """The numbers of the oldest deliveries that failed, but those from the source `but`."""
    failed = (delivery.c.state == literal_column("'failed'"), delivery.c.source != but)
    return list(connection.execute(select(delivery.c.id).where(*failed).order_by(delivery.c.id).limit(limit)).scalars())


def put_back(connection: Connection, number: int, now: float) -> None:
    """Have a delivery that has ended understood again."""
    again = {"state": "waiting", "attempts": 0, "next_try_at": now, "finished_at": None, "error": None}
    connection.execute(update(delivery).where(delivery.c.id == number).values(again))
