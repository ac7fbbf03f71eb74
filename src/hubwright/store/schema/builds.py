"""Jobs, their builds, and the runs and stages of those."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Document, Identity, identity, metadata


def _where(condition: str, *indexes: tuple[Any, ...], unique: bool = False, table: str = "job") -> list[Index]:
    """Indexes of the rows that meet a condition: the name of each, and what it is of."""
    rows = text(condition)
    return [
        Index(f"ix_{table}_{name}", *columns, unique=unique, sqlite_where=rows, postgresql_where=rows)
        for name, *columns in indexes
    ]


job = Table(
    "job",
    metadata,
    identity(),
    Column("path", String(400), nullable=False, unique=True),
    Column("repository_id", BigInteger),
    Column("repository", String(201), nullable=False),
    Column("clone_url", Text),
    Column("settings", Document, nullable=False),  # the canonical document without what has a column
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("builds", Integer, nullable=False, server_default="0"),  # the number of the newest build
    Column("created_at", Moment, nullable=False),
    Column("folder", String(400), nullable=False, server_default=""),  # the path up to its last name
    Column("version", Integer, nullable=False, server_default="0"),  # of its definition
    Column("copy_of", Identity),  # the job that this is a copy of
    Column("copy_key", String(800)),  # what the copy is of, see domain.job_copies.CopyKey
    Column("closed_at", Moment),  # its branch or pull request is gone
    Column("archived_at", Moment),  # and it is in no list any more
    Column("paused_at", Moment),
    Column("paused_by", Text),
    *_where("copy_of IS NULL", ("folder", "folder", "path"), ("path", "path"), ("of_repository", "repository_id")),
    *_where("copy_of IS NULL", ("of_name", func.lower(text("repository")))),
    *_where("copy_of IS NOT NULL", ("copy_key", "copy_of", "copy_key"), unique=True),
    *_where("copy_of IS NOT NULL", ("copies", "copy_of", "id")),
    *_where("copy_of IS NOT NULL AND archived_at IS NULL", ("open_copies", "copy_of", "id")),
    *_where("closed_at IS NOT NULL AND archived_at IS NULL", ("closed", "closed_at", "id")),
    *_where("archived_at IS NOT NULL", ("archived", "archived_at", "id")),
    *_where("paused_at IS NOT NULL", ("paused", "id")),
    *_where("copy_of IS NOT NULL AND version > 0", ("copies_apart", "copy_of", "id")),
)

build = Table(
    "build",
    metadata,
    identity(),
    Column("job_id", Identity, ForeignKey("job.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("trigger", Text, nullable=False),  # what asked for it; the same trigger builds once
    Column("repository", String(201), nullable=False),
    Column("sha", String(64), nullable=False),
    Column("ref", Text, nullable=False),
    Column("branch", Text),
    Column("event", String(20), nullable=False),
    Column("pull_request", Integer),
    Column("base_ref", Text),  # of a pull request, and the commit that it was on when GitHub told of it
    Column("base_sha", String(64)),
    Column("message", Text, nullable=False, server_default=""),
    Column("author_name", Text),
    Column("author_login", String(100)),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("trust", String(10), nullable=False, server_default="trusted"),  # untrusted: a fork's, gets no secret
    Column("state", String(10), nullable=False, server_default="queued"),
    Column("result", String(15)),
    Column("runs_left", Integer, nullable=False, server_default="0"),  # fan-in: nought ends the build
    Column("retry_at", Moment),  # when its repository is asked again
    Column("problem", Text),  # why there is no run: the recipe's errors, a vanished commit
    Column("recipe", Text),  # where the recipe came from
    Column("queued_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("family", Identity),  # the job, or that which it is a copy of
    Column("group", String(200)),  # what it shares a limit with; "": only the job has limits; None: nothing limits it
    Column("line", Text),  # what newer builds supersede it in, see domain.concurrency
    Column("blocked", String(10)),  # not admitted: new or waits; its runs only in part: partly. See store.admission
    Column("parameters", Document),
    UniqueConstraint("job_id", "number"),
    UniqueConstraint("job_id", "trigger"),
    Index("ix_build_repository_sha", "repository", "sha"),
    Index(
        "ix_build_state",
        "state",
        sqlite_where=text("state <> 'finished'"),
        postgresql_where=text("state <> 'finished'"),
    ),
    Index("ix_build_job_branch", "job_id", "branch", "id"),
    Index("ix_build_sha", "sha"),
    Index("ix_build_repository", "repository", "id"),
    Index("ix_build_family", "family", "id"),
    Index("ix_build_result", "result", "id"),
    *_where("result <> 'success'", ("family_result", "family", "result", "id"), table="build"),
    *_where("result <> 'success'", ("repository_result", "repository", "result", "id"), table="build"),
    *_where("state <> 'finished' AND \"group\" IS NOT NULL", ("group", "group", "id"), table="build"),
    *_where("blocked IS NOT NULL", ("blocked", "id"), table="build"),
    *_where("result <> 'success'", ("job_result", "job_id", "result", "id"), table="build"),
    *_where("result IN ('failure', 'error', 'timeout') AND pull_request IS NULL", ("bad", "id"), table="build"),
    *_where(
        "result IN ('failure', 'error', 'timeout')",
        ("repository_failed", "repository", "id"),
        ("branch_failed", "repository", "branch", "id"),
        ("family_failed", "family", "id"),
        table="build",
    ),
    *_where("pull_request IS NOT NULL", ("pull_request", "repository", "pull_request", "id"), table="build"),
    Index("ix_build_author_login", func.lower(text("author_login")), "id"),
    Index("ix_build_author_name", "author_name", "id"),
    Index("ix_build_branch", "branch", "id"),
    Index("ix_build_repository_branch", "repository", "branch", "id"),
    sqlite_autoincrement=True,  # a number is never given twice, whatever retention deletes
)

run = Table(
    "run",
    metadata,
    identity(),
    Column("build_id", Identity, ForeignKey("build.id"), nullable=False, index=True),
    Column("platform", String(100), nullable=False),  # as asked for: a name or a glob
    Column("labels", Text, nullable=False, server_default=""),  # that a builder must have, sorted, with commas between
    Column("matrix", Document, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("latest", Boolean, nullable=False, server_default=text("true")),  # false: a newer attempt replaced it
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("state", String(10), nullable=False, server_default="queued"),
    Column("result", String(15)),
    Column("detail", Text),
    Column("assignment", Document, nullable=False),  # wire.Payload without secrets
    Column("builder", String(100)),
    Column("images", Document),  # wire.Image: what its stages and services ran in, as the builder told
    Column("lease", Integer, nullable=False, server_default="0"),  # fencing number, grows with each lease
    Column("leased_at", Moment),
    Column("cancel", Text),  # the wish to cancel, and why
    Column("seq", Integer, nullable=False, server_default="0"),  # the last message applied
    Column("log_size", BigInteger, nullable=False, server_default="0"),
    Column("tests_total", Integer),
    Column("tests_passed", Integer),
    Column("tests_skipped", Integer),
    Column("tests_failed", Integer),
    Column("tests_previous", Identity),  # the run that its tests were compared with
    Column("tests_difference", Document),  # counts, and names of the first; see domain.test_difference
    Column("queued_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("family", Identity),  # its build's
    Column("turn", Float, nullable=False, server_default="0"),  # see store.turns
    Column("log_at", String(32)),  # in whose folder its log grows or waits to be sealed, see process.place
    Index(
        "ix_run_queued",
        text("priority DESC"),
        "turn",
        "id",
        "platform",  # for reading only: who looks for waiting runs finds all in the index; SQLite wants `state` too
        "labels",
        "state",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    *_where("state = 'queued'", ("turn", "family", "priority", "turn"), table="run"),
    *_where("state = 'finished'", ("builder", "builder", "id"), table="run"),
    *_where("log_size > 0", ("log", "family", "id"), table="run"),
    *_where("log_at IS NOT NULL", ("unsealed", "log_at", "state", "id"), table="run"),
    Index("ix_run_held", "build_id", sqlite_where=text("state = 'held'"), postgresql_where=text("state = 'held'")),
    Index(
        "ix_run_running", "builder", sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'")
    ),
    sqlite_autoincrement=True,  # a number is never given twice, whatever retention deletes
)

stage = Table(
    "stage",
    metadata,
    Column("run_id", Identity, ForeignKey("run.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("kind", String(20)),
    Column("allow_failure", Boolean, nullable=False, server_default=text("false")),
    Column("state", String(10), nullable=False, server_default="queued"),
    Column("result", String(15)),
    Column("exit_code", Integer),
    Column("detail", Text),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("log_start", BigInteger),  # the stage's part of the run's log, bytes
    Column("log_end", BigInteger),
    Column("started_at", Moment),
    Column("finished_at", Moment),
)
