"""Searches for the commits that broke a job, and those that were found."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, Identity, identity, metadata

_OPEN = text("state IN ('waiting', 'searching')")

bisection = Table(
    "bisection",
    metadata,
    identity(),
    Column("job_id", Identity, ForeignKey("job.id"), nullable=False, index=True),
    Column("platform", String(100), nullable=False),
    Column("matrix", Document, nullable=False),
    Column("ref", Text, nullable=False),  # where its commits are fetched from
    Column("branch", Text),
    Column("build_id", Identity, index=True),  # the build that broke; none when somebody asked
    Column("run_id", Identity),
    Column("asked_by", String(100)),
    Column("command", Text),  # what is run at each commit instead of its stages
    Column("before", String(64)),  # where the branch was before the push: the good end when nothing better is known
    Column("bad", String(64), nullable=False, index=True),
    Column("commits", Document, nullable=False),  # from the good end to the bad one, first parents; empty until begun
    Column("targets", Document, nullable=False),  # domain.sights.Target
    Column("findings", Document, nullable=False),  # domain.bisection.Finding, once it has ended
    Column("state", String(10), nullable=False),  # waiting, searching, found, ended, cancelled
    Column("reason", Text),  # why it waits, or why it ended without a culprit
    Column("builds", Integer, nullable=False, server_default="0"),  # that it has asked for
    Column("max_builds", Integer, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),  # times that the repository did not answer
    Column("next_try_at", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Index("ix_bisection_open", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    sqlite_autoincrement=True,
)

culprit = Table(
    "culprit",
    metadata,
    Column("bisection_id", Identity, ForeignKey("bisection.id"), primary_key=True),
    Column("sha", String(64), primary_key=True),
    Column("repository", String(201), nullable=False),
    Column("author_name", Text),
    Column("subject", Text, nullable=False, server_default=""),
    Column("targets", Document, nullable=False),  # what it broke, in words
    Index("ix_culprit_commit", "repository", "sha"),
)
