"""Who let which commit of a fork be built: bound to the commit, the base and GitHub's numbers, never to a name."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Identity, identity, metadata

approval = Table(
    "approval",
    metadata,
    identity(),
    Column("build_id", Identity, ForeignKey("build.id"), nullable=False, index=True),
    Column("repository_id", BigInteger),
    Column("repository", String(201), nullable=False),
    Column("pull_request", Integer),  # null: a commit of a fork that somebody asked for by its number
    Column("sha", String(64), nullable=False),
    Column("base_ref", Text),
    Column("head_repository_id", BigInteger),  # null: the fork is gone
    Column("held_at", Moment, nullable=False),
    Column("approved_at", Moment),
    Column("approved_by_id", BigInteger),  # GitHub's number of the user; null when a token of this hub approved
    Column("approved_by_login", String(100)),  # only to be shown
    Column("token_name", String(100)),
    Column("token_id", Identity),
    Column("checked_at", Moment),  # when GitHub last said that who approved may write
    Column("ask_at", Moment),  # a run was due when that was too long ago: GitHub is to be asked again then
    Column("asked", Integer, nullable=False, server_default="0"),  # how often it was since, without an answer
    Column("doubt", Text),  # why there is none
    Column("revoked_at", Moment),
    Column("why", Text),  # it was revoked
    Index("ix_approval_pull_request", "pull_request", "repository"),
    Index(
        "ix_approval_ask",
        "ask_at",
        sqlite_where=text("ask_at IS NOT NULL"),
        postgresql_where=text("ask_at IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
)
