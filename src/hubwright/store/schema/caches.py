"""What runs keep for the next ones of their repository: the rows; the bytes are in the storage."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table, UniqueConstraint

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import identity, metadata

cache = Table(
    "cache",
    metadata,
    identity(),
    Column("repository", String(201), nullable=False),
    Column("scope", String(40), nullable=False),  # trusted, or one untrusted pull request's or build's own
    Column("family", String(64), nullable=False),  # the recipe's entry on a platform, whatever its files hold
    Column("digest", String(64), nullable=False),  # the same with the content of its files
    Column("key", String(200), nullable=False),  # where it lies in the storage
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("kept_at", Moment, nullable=False),
    Column("used_at", Moment, nullable=False, index=True),  # the one not used for longest goes first
    UniqueConstraint("repository", "scope", "family", "digest"),
    Index("ix_cache_family", "repository", "family"),
)
