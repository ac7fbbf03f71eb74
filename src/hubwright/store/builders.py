"""Builders that have ever said hello. Rows are written when one comes or goes and, for all at once, every few seconds.

Never per heartbeat: what changes with each of them (lag, skew, when it was last heard) lives in the hub's memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.scheduling import BuilderKind
from hubwright.store.moments import Moment
from hubwright.store.schema import builder, run, token
from hubwright.wire import Hello

CONNECTED, AWAY, DRAINING = "connected", "away", "draining"

ON_DEMAND = "on_demand"
"""Away because nothing waited; it is started when something does."""

GONE = (AWAY, ON_DEMAND)
"""A builder's state. `draining`: it takes no more and ends when its runs have ended."""

PAUSE, DRAIN = "paused", "draining"
"""What people wish of a builder, kept until they wish otherwise or, for `draining`, until it has left."""

MAX_SPENT = 500
"""One-shot builders that are forgotten at once."""

_NOW: BindParameter[Any] = bindparam("now", type_=Moment())
_NAMES: BindParameter[Any] = bindparam("names", expanding=True)
_KINDS = select(builder.c.platform, builder.c.labels).distinct()
_SEEN = (
    update(builder)
    .where(builder.c.name == bindparam("key"))
    .values(
        state=bindparam("is_now"),
        seen_at=_NOW,
        lag=func.coalesce(bindparam("took"), builder.c.lag),
        skew=func.coalesce(bindparam("ahead"), builder.c.skew),
        slots=func.coalesce(bindparam("room"), builder.c.slots),
    )
)
_UNSEEN = (
    update(builder)
    .where(builder.c.state.not_in(GONE), builder.c.seen_at < bindparam("since", type_=Moment()))
    .values(state=AWAY)
    .returning(builder.c.name, builder.c.platform)
)
_ALIVE = token.c.revoked_at.is_(None) & or_(token.c.expires_at.is_(None), token.c.expires_at > _NOW)
_WISHES = (
    select(builder.c.name, builder.c.wish, (token.c.id.is_not(None) & ~_ALIVE).label("shut_out"))
    .outerjoin(token, token.c.id == builder.c.token_id)
    .where(or_(builder.c.wish.is_not(None), token.c.id.is_not(None) & ~_ALIVE))
)
_OWNERS = (
    select(builder.c.name, builder.c.wish, token.c.id.label("owner"))
    .outerjoin(token, (token.c.id == builder.c.token_id) & _ALIVE)
    .where(builder.c.name.in_(_NAMES))
)
_SPENT = (
    select(builder.c.name, builder.c.platform, builder.c.labels)
    .where(builder.c.once, builder.c.state.in_(GONE), builder.c.name != bindparam("own"))
    .where(~exists().where(run.c.state == literal_column("'running'"), run.c.builder == builder.c.name))
    .with_for_update(skip_locked=True)
    .limit(MAX_SPENT)
)
_CLAIMS = select(token.c.id, token.c.builder, token.c.bounds).where(
    _ALIVE, or_(token.c.id.in_(bindparam("ids", expanding=True)), token.c.builder.in_(_NAMES))
)


class Mark(NamedTuple):
    """What is noted of a connected builder; `lag` and `skew` in seconds."""

    name: str
    state: str
    lag: float | None
    skew: float | None
    slots: int | None = None


def load_owners(connection: Connection, names: Sequence[str], now: float) -> dict[str, Row[Any]]:
    """Of each known name: `wish`, and `owner`, the token that the name belongs to (None once that is revoked)."""
    rows: list[Row[Any]] = list(connection.execute(_OWNERS, {"names": names, "now": now}))
    return {row.name: row for row in rows}


def load_claims(connection: Connection, names: Sequence[str], ids: Sequence[int], now: float) -> list[Row[Any]]:
    """The living tokens of these numbers, and those that are for these names: id, builder, bounds."""
    return list(connection.execute(_CLAIMS, {"names": names, "ids": ids, "now": now}))


def keep_connected(connection: Connection, arrivals: Iterable[tuple[Hello, int | None]], now: float) -> None:
    """Note that builders have connected, each with its token, and what they say of themselves."""
    rows = [_row(hello, token_id, now) for hello, token_id in arrivals]
    if not rows:
        return
    rows.sort(key=lambda row: str(row["name"]))  # two hubs lock in one order
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(builder)
    renewed: dict[str, Any] = {column: statement.excluded[column] for column in rows[0] if column != "name"}
    renewed["token_id"] = func.coalesce(statement.excluded.token_id, builder.c.token_id)  # an admin takes no name
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=renewed), rows)


def _row(hello: Hello, token_id: int | None, now: float) -> dict[str, object]:
    return {
        "name": hello.name,
        "platform": hello.platform,
        "labels": list(hello.labels),
        "slots": hello.slots,
        "version": hello.version,
        "executor": hello.executor,
        "instance": hello.instance,
        "token_id": token_id,
        "state": CONNECTED,
        "connected_at": now,
        "seen_at": now,
        "once": hello.once,
        "wire": hello.wire,
    }


def keep_on_demand(connection: Connection, hello: Hello, now: float) -> None:
    """Note a builder that will be started when something waits for it, unless it is known already."""
    row = {**_row(hello, None, now), "state": ON_DEMAND, "connected_at": None, "seen_at": None}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(builder).on_conflict_do_nothing(index_elements=["name"]), row)


def keep_away(connection: Connection, name: str, now: float, *, drained: bool = False, on_demand: bool = False) -> None:
    """Note that a builder's connection has ended; `drained`: as was wished, so the wish is fulfilled."""
    state = ON_DEMAND if on_demand else AWAY
    connection.execute(update(builder).where(builder.c.name == name).values(state=state, seen_at=now))
    if drained:
        connection.execute(update(builder).where(builder.c.name == name, builder.c.wish == DRAIN).values(wish=None))


def forget_spent(connection: Connection, hello: Hello) -> None:
    """Forget all one-shot builders of the same kind that are away and hold nothing, but for `hello`'s own.

    So one of a kind is left: the hub still knows that builders like it are started when something waits.
    """
    gone = connection.execute(_SPENT, {"own": hello.name}).all()
    labels = sorted(set(hello.labels))
    names = [row.name for row in gone if row.platform == hello.platform and sorted(set(row.labels)) == labels]
    if names:
        connection.execute(delete(builder).where(builder.c.name.in_(names)))


def keep_seen(connection: Connection, marks: Sequence[Mark], now: float) -> None:
    """Note, for all that are connected here, that they live: one statement."""
    if marks:
        rows = [
            {
                "key": mark.name,
                "is_now": mark.state,
                "took": mark.lag,
                "ahead": mark.skew,
                "room": mark.slots,
                "now": now,
            }
            for mark in sorted(marks)
        ]
        connection.execute(_SEEN, rows)


def keep_unseen(connection: Connection, since: float) -> list[Row[Any]]:
    """Those that no hub has noted since that moment are away: their hub died with them. Their names and platforms."""
    return list(connection.execute(_UNSEEN, {"since": since}))


def load_wishes(connection: Connection, now: float) -> list[Row[Any]]:
    """The builders of which something is wished (`wish`), or whose token is revoked or expired (`shut_out`)."""
    return list(connection.execute(_WISHES, {"now": now}))


def load_noted(connection: Connection, names: Sequence[str]) -> dict[str, Row[Any]]:
    """`state` and `seen_at` of these builders."""
    columns = select(builder.c.name, builder.c.state, builder.c.seen_at)
    rows: list[Row[Any]] = list(connection.execute(columns.where(builder.c.name.in_(names))))
    return {row.name: row for row in rows}


def load_builder(connection: Connection, name: str) -> Row[Any] | None:
    """A builder's row, to be changed: locked where the database can."""
    return connection.execute(select(builder).where(builder.c.name == name).with_for_update()).one_or_none()


def load_of_token(connection: Connection, token_id: int) -> list[str]:
    """The builders that came with this token."""
    return list(connection.execute(select(builder.c.name).where(builder.c.token_id == token_id)).scalars())


def keep_wish(connection: Connection, name: str, wish: str | None) -> None:
    """Note what is wished of a builder."""
    connection.execute(update(builder).where(builder.c.name == name).values(wish=wish))


def forget_builder(connection: Connection, name: str) -> None:
    """Remove a builder's row; its name is free."""
    connection.execute(delete(builder).where(builder.c.name == name))


def is_connected(connection: Connection, name: str, since: float) -> bool:
    """Whether some hub holds the builder's connection, and has said so since that moment."""
    row = connection.execute(select(builder.c.state, builder.c.seen_at).where(builder.c.name == name)).one_or_none()
    return row is not None and row.state not in GONE and row.seen_at is not None and row.seen_at >= since


def load_kinds(connection: Connection) -> list[BuilderKind]:
    """What kinds of builders have ever connected, by platform and labels."""
    kinds = {(row.platform, tuple(sorted(set(row.labels)))) for row in connection.execute(_KINDS)}
    return [BuilderKind(platform=platform, labels=labels) for platform, labels in sorted(kinds)]
