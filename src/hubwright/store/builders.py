"""Builders that have ever said hello. Rows are written at connect, at loss and once a minute, never per heartbeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.store.schema import builder, token
from hubwright.wire import Hello

_PLATFORMS = select(builder.c.platform).distinct().order_by(builder.c.platform)

CONNECTED = "connected"
AWAY = "away"


def load_owner(connection: Connection, name: str) -> int | None:
    """The number of the token that a builder's name belongs to; None once that token is revoked."""
    owner = select(token.c.id).join(builder, builder.c.token_id == token.c.id)
    return connection.execute(owner.where(builder.c.name == name, token.c.revoked_at.is_(None))).scalar()


def keep_connected(connection: Connection, hello: Hello, token_id: int | None, now: float) -> None:
    """Note that a builder has connected, and what it says of itself."""
    row = {
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
    }
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(builder)
    renewed: dict[str, Any] = {column: statement.excluded[column] for column in row if column != "name"}
    renewed["token_id"] = func.coalesce(statement.excluded.token_id, builder.c.token_id)  # an admin takes no name
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=renewed), row)


def keep_away(connection: Connection, name: str, now: float) -> None:
    """Note that a builder's connection has ended."""
    connection.execute(update(builder).where(builder.c.name == name).values(state=AWAY, seen_at=now))


def keep_seen(connection: Connection, lags: Mapping[str, float | None], now: float) -> None:
    """Note, for all that are connected here, that they live; `lags` in seconds by name."""
    for name, lag in lags.items():
        connection.execute(update(builder).where(builder.c.name == name).values(state=CONNECTED, seen_at=now, lag=lag))


def is_connected(connection: Connection, name: str, since: float) -> bool:
    """Whether some hub holds the builder's connection, and has said so since that moment."""
    row = connection.execute(select(builder.c.state, builder.c.seen_at).where(builder.c.name == name)).one_or_none()
    return row is not None and row.state == CONNECTED and row.seen_at is not None and row.seen_at >= since


def load_platforms(connection: Connection) -> Sequence[str]:
    """The platforms of all builders that have ever connected."""
    return connection.execute(_PLATFORMS).scalars().all()
