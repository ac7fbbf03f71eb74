"""How the `gh_*` tables are put together: columns by their kind, and what every row tells about itself.

No foreign keys: rows arrive in any order. Nothing but the key is required: news may tell of a part only.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Computed, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import metadata

Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""JSON; GitHub's null is SQL's."""

LATER = (
    "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at"
    " THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END"
)

Columns = list[Column[object]]


def numbered() -> Columns:
    """The key of what has a number of GitHub's, 64 bits."""
    return [Column("id", BigInteger, primary_key=True, autoincrement=False)]


def keys(*names: str) -> Columns:
    """Numbers of GitHub's that are the key together with others."""
    return [Column(name, BigInteger, primary_key=True, autoincrement=False) for name in names]


def ids(*names: str) -> Columns:
    """References, 64 bits."""
    return [Column(name, BigInteger) for name in names]


def texts(*names: str) -> Columns:
    """Texts of any length."""
    return [Column(name, Text) for name in names]


def counts(*names: str) -> Columns:
    """Small whole numbers."""
    return [Column(name, Integer) for name in names]


def flags(*names: str) -> Columns:
    """Yes, no, or not told."""
    return [Column(name, Boolean) for name in names]


def times(*names: str) -> Columns:
    """Moments, as GitHub says them."""
    return [Column(name, Moment) for name in names]


def documents(*names: str) -> Columns:
    """JSON."""
    return [Column(name, Document) for name in names]


def person(*roles: str) -> Columns:
    """Each role's account: `user_id` and `user_login`."""
    return [column for role in roles for column in (*ids(f"{role}_id"), *texts(f"{role}_login"))]


def replica(name: str, *columns: Columns) -> Table:
    """A table of the copy. `versions` is the merge's own (domain/replica_merge.py); the rest is for people.

    `raw` is the last full JSON; `deleted_at` is a tombstone; `last_replicated_at` is the later of the two before it.
    """
    told: Columns = [Column(f"last_replicated_via_{way}_at", Moment) for way in ("webhook", "api")]
    own: Columns = [
        *told,
        Column("last_replicated_at", Moment, Computed(LATER, persisted=True)),
        Column("deleted_at", Moment),
        Column("raw", Document),
        Column("versions", Document),
    ]
    return Table(name, metadata, *(column for group in columns for column in group), *own)
