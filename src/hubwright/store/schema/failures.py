"""Failures that are known by their fingerprint, where they were seen, and which runs have them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Identity, identity, metadata

_LINKED, _LOOSE = text("issue IS NOT NULL"), text("issue IS NULL")

known_failure = Table(
    "known_failure",
    metadata,
    identity(),
    Column("family", Identity, ForeignKey("job.id"), nullable=False),  # the job, or that which it is a copy of
    Column("fingerprint", String(16), nullable=False),  # see domain.fingerprints
    Column("kind", String(10), nullable=False),  # test, problem, line, end
    Column("title", Text, nullable=False),  # as it was said the first time
    Column("issue", Text),  # OWNER/NAME#7, or an address
    Column("linked_by", Text),
    Column("linked_at", Moment),
    Column("newest", Identity, nullable=False, server_default="0"),  # its newest run_failure; lists go by it
    Column("last_at", Moment, nullable=False),
    UniqueConstraint("fingerprint", "family"),
    Index("ix_known_failure_newest", "newest"),
    Index("ix_known_failure_family", "family", "newest"),
    Index("ix_known_failure_linked", "newest", sqlite_where=_LINKED, postgresql_where=_LINKED),
    Index("ix_known_failure_last_at", "last_at", sqlite_where=_LOOSE, postgresql_where=_LOOSE),
)

known_failure_place = Table(
    "known_failure_place",
    metadata,
    Column("known_failure_id", Identity, ForeignKey("known_failure.id"), primary_key=True),
    Column("platform", String(100), primary_key=True),
    Column("times", Integer, nullable=False),  # runs
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
)

run_failure = Table(
    "run_failure",
    metadata,
    identity(),
    Column("run_id", Identity, ForeignKey("run.id"), nullable=False),
    Column("known_failure_id", Identity, ForeignKey("known_failure.id"), nullable=False),
    UniqueConstraint("run_id", "known_failure_id"),
    Index("ix_run_failure_known_failure_id", "known_failure_id", "id"),
)
