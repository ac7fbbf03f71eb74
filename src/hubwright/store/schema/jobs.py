"""What stands around jobs: folders, versions of definitions, links of repositories, and what starts builds."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, func, text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, Identity, identity, metadata

folder = Table(
    "folder",
    metadata,
    identity(),
    Column("path", String(400), nullable=False, unique=True),  # "" is the root
    Column("parent", String(400)),  # the path of the folder that it is in; the root is in none
    Column("settings", Document, nullable=False),  # the canonical document, see domain.job_definitions
    Column("version", Integer, nullable=False, server_default="0"),
    Column("created_at", Moment, nullable=False),
    Index("ix_folder_parent", "parent", "path"),
)

definition = Table(
    "definition",
    metadata,
    identity(),
    Column("kind", String(10), nullable=False),  # job or folder
    Column("subject_id", Identity, nullable=False),
    Column("path", String(400), nullable=False),  # as it was then
    Column("number", Integer, nullable=False),
    Column("document", Document, nullable=False),
    Column("author", Text),  # None: the hub itself
    Column("reason", Text, nullable=False, server_default=""),
    Column("at", Moment, nullable=False),
    UniqueConstraint("kind", "subject_id", "number"),
)

pause = Table(
    "pause",
    metadata,
    Column("kind", String(10), primary_key=True),  # hub or platform; a job's is in its row
    Column("name", String(100), primary_key=True),  # of the platform, or a glob; "" for the hub
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
)

link = Table(
    "link",
    metadata,
    identity(),
    Column("repository_id", BigInteger),
    Column("repository", String(201), nullable=False),
    Column("kind", String(12), nullable=False),  # pull_request or branch
    Column("job_id", Identity, ForeignKey("job.id"), nullable=False, index=True),
    Column("globs", Document, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(
        "ix_link_number",
        "repository_id",
        "kind",
        unique=True,
        sqlite_where=text("repository_id IS NOT NULL"),
        postgresql_where=text("repository_id IS NOT NULL"),
    ),
    Index(
        "ix_link_name",  # a name says something only until the number is known: it may be another's later
        func.lower(text("repository")),
        "kind",
        unique=True,
        sqlite_where=text("repository_id IS NULL"),
        postgresql_where=text("repository_id IS NULL"),
    ),
)

schedule = Table(
    "schedule",
    metadata,
    Column("job_id", Identity, ForeignKey("job.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("cron", String(100), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("branch", Text),
    Column("parameters", Document, nullable=False),
    Column("last_at", Moment),
    Column("next_at", Moment, index=True),
)

dependency = Table(
    "dependency",
    metadata,
    Column("job_id", Identity, ForeignKey("job.id"), primary_key=True),
    Column("after", String(400), primary_key=True),  # the path of the other job, which may not be there yet
    Column("result", String(10), nullable=False),
    Index("ix_dependency_after", "after"),
)
