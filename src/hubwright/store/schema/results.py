"""What a run left: test cases and artifacts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Identity, identity, metadata

test_case = Table(
    "test_case",
    metadata,
    identity(),
    Column("run_id", Identity, ForeignKey("run.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("suite", Text, nullable=False),
    Column("classname", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("result", String(10), nullable=False),
    Column("seconds", Float),
    Column("message", Text),
)

artifact = Table(
    "artifact",
    metadata,
    identity(),
    Column("run_id", Identity, ForeignKey("run.id"), nullable=False),
    Column("sha", String(64), nullable=False, index=True),
    Column("platform", String(100), nullable=False),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("kept_at", Moment, nullable=False),
    Column("expires_at", Moment),
    UniqueConstraint("run_id", "path"),
)
