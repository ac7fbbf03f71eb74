"""Secrets of builds, sealed: the key is not in the database."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text, UniqueConstraint

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import identity, metadata

secret = Table(
    "secret",
    metadata,
    identity(),
    Column("scope", String(400), nullable=False, server_default=""),  # a folder's or job's path; "" is for all
    Column("name", String(100), nullable=False),
    Column("key_id", String(16), nullable=False, index=True),  # which key opens it
    Column("sealed", Text, nullable=False),  # AES-256-GCM, bound to scope and name
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(100), nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", String(100), nullable=False),
    UniqueConstraint("scope", "name"),
)
