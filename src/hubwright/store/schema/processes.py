"""Hubs and workers that are there, for each other and for people."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import metadata

process = Table(
    "process",
    metadata,
    Column("owner", String(100), primary_key=True),  # as in leases: machine, process number, chance
    Column("kind", String(10), nullable=False),  # hub or worker
    Column("address", Text, nullable=False),  # where other hubs reach it; empty for a worker
    Column("place", String(32), nullable=False),  # names its folder of logs, see run.log_at
    Column("version", String(40), nullable=False),
    Column("wire", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index("ix_process_place", "place", "seen_at"),
)
