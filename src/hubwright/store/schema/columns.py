"""What the tables share: names of constraints, kinds of columns, the columns of waiting work."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hubwright.store.moments import Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Document = JSON().with_variant(JSONB(), "postgresql")
Identity = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only as INTEGER


def identity() -> Column[int]:
    """A number that the database gives."""
    return Column("id", Identity, primary_key=True)


def waiting() -> list[Column[object]]:
    """Waiting work: `state` is waiting, leased, done or failed; a lease that has run out counts as waiting."""
    return [
        Column("state", String(10), nullable=False, server_default="waiting"),
        Column("lease_owner", String(64)),
        Column("lease_until", Moment),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("next_try_at", Moment, nullable=False),
        Column("error", Text),
        Column("finished_at", Moment),
    ]


def waiting_index(name: str) -> Index:
    """The few rows that still wait, in the order in which they are due."""
    open_rows = text("state IN ('waiting', 'leased')")
    return Index(f"ix_{name}_open", "next_try_at", "id", sqlite_where=open_rows, postgresql_where=open_rows)
