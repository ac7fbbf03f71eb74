"""Who changed what, and what was answered to requests that may come a second time."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, Text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Identity, identity, metadata

audit = Table(
    "audit",
    metadata,
    identity(),
    Column("at", Moment, nullable=False),
    Column("actor", String(200), nullable=False),  # the name of the token, or the login of the person
    Column("by", String(10), nullable=False),  # token, cookie, anonymous, or cli: at the hub's own machine
    Column("role", String(10), nullable=False),
    Column("token_id", Identity),
    Column("method", String(10), nullable=False),
    Column("action", String(200), nullable=False),  # the door, see web.reach.name_of
    Column("path", Text, nullable=False),  # the address, which names the subject; its beginning
    Column("status", Integer, nullable=False),  # how it was answered
    Column("address", String(64), nullable=False, server_default=""),  # where the request came from
    Index("ix_audit_actor", "actor", "id"),
    Index("ix_audit_token_id", "token_id", "id"),
    sqlite_autoincrement=True,  # a number is never given twice, whatever retention deletes
)

repetition = Table(  # of requests with an Idempotency-Key
    "repetition",
    metadata,
    identity(),
    Column("key", String(64), nullable=False, unique=True),  # a hash of who asks, for what, and the key
    Column("owner", String(64), nullable=False),  # a hash of who asks
    Column("body", String(64), nullable=False),  # a hash of what was sent
    Column("asked_at", Moment, nullable=False),
    Column("answer", LargeBinary),  # sealed with what only the asker has; null while it is worked at
    Index("ix_repetition_owner", "owner", "id"),
    Index("ix_repetition_asked_at", "asked_at"),
    sqlite_autoincrement=True,
)
