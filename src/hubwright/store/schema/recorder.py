"""What the black-box recorder kept of runs whose builder was lost, or that ended as they should not."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, Text, text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, Identity, metadata

recording = Table(
    "recording",
    metadata,
    Column("run_id", Identity, ForeignKey("run.id"), primary_key=True),
    Column("lease", Integer, nullable=False),
    Column("builder", String(100), nullable=False),
    Column("cause", String(20)),  # the verdict; not set while the builder is only away
    Column("sentence", Text),
    Column("seen_at", Moment),  # when the builder was last heard, by the hub's clock
    Column("closed", Boolean, nullable=False, server_default=text("false")),  # its connection was closed, not silent
    Column("boot", String(64), nullable=False, server_default=""),
    Column("process", String(64), nullable=False, server_default=""),
    Column("data", Document, nullable=False),  # wire.Recording without cause and sentence
)
