"""What people want to be told of."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, String, Table

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, metadata

preference = Table(
    "preference",
    metadata,
    Column("login", String(100), primary_key=True),  # at GitHub, in lower case
    Column("path", String(400), primary_key=True),  # of a job or folder; "" for everything
    Column("events", Document, nullable=False),  # broken, still-failing, fixed, success
    Column("mine", Boolean, nullable=False),  # only what their own commits may have brought
    Column("ways", Document, nullable=False),  # mail, page, irc
    Column("address", String(254)),  # where mail of this goes, if not to that of their commits
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", String(100), nullable=False),
    Index("ix_preference_path", "path", "mine", "login"),
)
