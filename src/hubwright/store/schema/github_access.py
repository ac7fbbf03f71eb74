"""What this hub has of its own to be known at GitHub by, sealed: the key is not in the database."""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, metadata

github_credential = Table(
    "github_credential",
    metadata,
    Column("name", String(40), primary_key=True),  # app, webhook
    Column("about", Document, nullable=False),  # what is no secret: an App's number, name and address
    Column("key_id", String(16), nullable=False, index=True),  # which of the secrets' keys opens it
    Column("sealed", Text, nullable=False),  # AES-256-GCM, bound to the name
    Column("updated_at", Moment, nullable=False),
    Column("updated_by", String(100), nullable=False),
)
