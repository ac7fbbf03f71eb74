"""Who may come in: builders and tokens."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, String, Table

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
    Column("state", String(12), nullable=False),  # connected, away, draining
    Column("connected_at", Moment),
    Column("seen_at", Moment),  # written seldom: at connect, at loss and once a minute
    Column("lag", Float),
)

token = Table(
    "token",
    metadata,
    identity(),
    Column("name", String(100), nullable=False),
    Column("role", String(10), nullable=False),  # admin, write, read, builder, session
    Column("hash", String(64), nullable=False, unique=True),  # SHA-256; tokens are 256 random bits
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
)
