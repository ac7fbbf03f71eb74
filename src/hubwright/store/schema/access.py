"""Who may come in: builders and tokens."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, String, Table, text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, Identity, identity, metadata

builder = Table(
    "builder",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("platform", String(100), nullable=False),
    Column("labels", Document, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("version", String(40), nullable=False),
    Column("executor", String(20), nullable=False),
    Column("instance", String(64), nullable=False),
    Column("token_id", Identity),  # the token that this name belongs to; another one can't take it
    Column("state", String(12), nullable=False),  # connected, away, draining (it takes no more and will end), on_demand
    Column("wish", String(12)),  # what people want of it, kept over restarts: paused, draining
    Column("connected_at", Moment),
    Column("seen_at", Moment),  # written seldom: at connect, at loss and every few seconds for all at once
    Column("lag", Float),  # seconds of a ping's way there and back
    Column("skew", Float),  # seconds that its clock is ahead of the hub's
    Column("once", Boolean, nullable=False, server_default=text("false")),  # it takes one run and ends for ever
    Column("wire", Integer),  # the version of the wire that it spoke when it came last; null: it has not come since
)

builder_kind = Table(  # so that a platform that is new is noticed, once
    "builder_kind",
    metadata,
    Column("key", String(64), primary_key=True),  # a hash of the other two
    Column("platform", String(100), nullable=False),
    Column("labels", Document, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
)

token = Table(
    "token",
    metadata,
    identity(),
    Column("name", String(100), nullable=False),
    Column("role", String(10), nullable=False),  # admin, write, read, builder, join, login, session
    Column("hash", String(64), nullable=False, unique=True),  # SHA-256; tokens are 256 random bits
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
    Column("builder", String(100)),  # the one name that a builder's own token is for
    Column("bounds", Document),  # what its builder may say of itself: name, platform, labels
    Column("user_id", Identity),  # of a session: who logged in with GitHub, by their number
    Column("user_login", String(100)),  # their name there at that moment
    Column("folders", Document),  # all that it sees lies below these; null: it sees everything
    Column("used_at", Moment),  # about when it was used last, see web.gate
    Column("parent_id", Identity),  # of a session: the token that it was opened with, and ends with
    Index(
        "ix_token_builder",
        "builder",
        unique=True,
        sqlite_where=text("builder IS NOT NULL AND revoked_at IS NULL"),
        postgresql_where=text("builder IS NOT NULL AND revoked_at IS NULL"),
    ),
)
