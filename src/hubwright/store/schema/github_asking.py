"""What all processes share when they ask GitHub: budgets, earlier answers, tokens of Apps."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, String, Table, Text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, metadata

github_budget = Table(
    "github_budget",
    metadata,
    Column("name", String(100), primary_key=True),  # a token's fingerprint, or "installation N"
    Column("hour_limit", Integer),
    Column("hour_remaining", Integer),  # as GitHub told it last, less what has been asked since
    Column("hour_ends_at", Moment),
    Column("told_at", Moment),  # when GitHub told it
    Column("paused_until", Moment),
    Column("limits_met", Integer, nullable=False, server_default="0"),  # in a row
    Column("wrote_at", Moment),  # a write goes out a second after this at the earliest
    Column("spent", Document, nullable=False),  # points, writes, content: [number of the time slot, how much]
    Column("updated_at", Moment, nullable=False),
)

github_answer = Table(
    "github_answer",
    metadata,
    Column("key", String(64), primary_key=True),  # SHA-256 of token's fingerprint, media type and address
    Column("url", Text, nullable=False),
    Column("etag", Text, nullable=False),
    Column("link", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # zstd
    Column("size", Integer, nullable=False),  # bytes of `body`
    Column("used_at", Moment, nullable=False, index=True),
)

github_token = Table(
    "github_token",
    metadata,
    Column("name", String(100), primary_key=True),  # "app A installation N"
    Column("key_id", String(16), nullable=False),  # which of the secrets' keys opens it
    Column("sealed", Text, nullable=False),  # AES-256-GCM, bound to the name
    Column("expires_at", Moment, nullable=False),
)
