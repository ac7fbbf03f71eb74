"""When GitHub's listings were last read whole."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import metadata

scan_page = Table(
    "scan_page",
    metadata,
    Column("address", String(64), primary_key=True),  # SHA-256 of the page's URL
    Column("mark", String(300), nullable=False),  # which answer the rows were kept from: its ETag, and who read it
    Column("kept_at", Moment, nullable=False),
)

scan = Table(
    "scan",
    metadata,
    Column("listing", String(40), primary_key=True),
    Column("scope", String(300), primary_key=True),  # whose list: names, in small letters
    Column("began_at", Moment, nullable=False),
    Column("finished_at", Moment, nullable=False, index=True),
    Column("whole_at", Moment),  # began_at of the last one that read all of it
    Column("changed_until", String(64)),  # the latest `updated_at` that GitHub told, ISO 8601; of commits the newest
    Column("pages", Integer, nullable=False),
    Column("items", Integer, nullable=False),
    Column("vanished", Integer, nullable=False),
)
