"""The copy of GitHub: `gh_*` tables, with columns named as GitHub's JSON fields."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from hubwright.store.schema.columns import Document, metadata, replicated

gh_repository = Table(
    "gh_repository",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("owner_login", String(100), nullable=False),
    Column("name", String(100), nullable=False),
    Column("full_name", String(201), nullable=False, index=True),
    Column("private", Boolean),
    Column("fork", Boolean),
    Column("default_branch", Text),
    Column("description", Text),
    Column("html_url", Text),
    *replicated(),
)

gh_commit = Table(
    "gh_commit",
    metadata,
    Column("repository", String(201), primary_key=True),
    Column("sha", String(64), primary_key=True),
    Column("repository_id", BigInteger, index=True),
    Column("message", Text, nullable=False),
    Column("author_name", Text),
    Column("author_email", Text),
    Column("author_login", String(100)),
    Column("authored_at", Text),
    Column("url", Text),
    Column("added", Document),
    Column("removed", Document),
    Column("modified", Document),
    *replicated(),
    Index("ix_gh_commit_authored", "repository", "authored_at", "sha"),
)

gh_branch = Table(
    "gh_branch",
    metadata,
    Column("repository", String(201), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("repository_id", BigInteger, index=True),
    Column("sha", String(64)),
    *replicated(),
)

gh_pull_request = Table(
    "gh_pull_request",
    metadata,
    Column("repository", String(201), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("repository_id", BigInteger, index=True),
    Column("title", Text),
    Column("state", String(10)),
    Column("user_login", String(100)),
    Column("head_sha", String(64)),
    Column("head_ref", Text),
    Column("head_repository", String(201)),
    Column("base_ref", Text),
    Column("updated_at", String(20)),  # ISO 8601, as GitHub sent it: older news changes nothing
    Column("draft", Boolean),
    Column("merged", Boolean),
    *replicated(),
)
