"""Every table. `gh_*` is the copy of GitHub, the rest is the build side; both are made to be read with SQL.

Waiting work (`delivery`, `report`, `task`) shares the columns of `_waiting()`; `store.queues` claims it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from hubwright.store.moments import Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Document = JSON().with_variant(JSONB(), "postgresql")
Identity = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only as INTEGER


def _id() -> Column[int]:
    return Column("id", Identity, primary_key=True)


def _replicated() -> list[Column[object]]:
    """What every row of the copy of GitHub tells about itself (system 4)."""
    return [
        Column("last_replicated_via_webhook_at", Moment),
        Column("last_replicated_via_api_at", Moment),
        Column("deleted_at", Moment),
        Column("raw", Document),
    ]


def _waiting() -> list[Column[object]]:
    """Waiting work: `state` is waiting, leased, done or failed; a lease that has run out counts as waiting."""
    return [
        Column("state", String(10), nullable=False, server_default="waiting"),
        Column("lease_owner", String(64)),
        Column("lease_until", Moment),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("next_try_at", Moment, nullable=False),
        Column("error", Text),
        Column("finished_at", Moment),
    ]


def _waiting_index(name: str) -> Index:
    """The few rows that still wait, in the order in which they are due."""
    open_rows = text("state IN ('waiting', 'leased')")
    return Index(f"ix_{name}_open", "next_try_at", "id", sqlite_where=open_rows, postgresql_where=open_rows)


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
    *_replicated(),
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
    *_replicated(),
    Index("ix_gh_commit_authored", "repository", "authored_at", "sha"),
)

gh_branch = Table(
    "gh_branch",
    metadata,
    Column("repository", String(201), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("repository_id", BigInteger, index=True),
    Column("sha", String(64)),
    *_replicated(),
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
    Column("draft", Boolean),
    Column("merged", Boolean),
    *_replicated(),
)

delivery = Table(
    "delivery",
    metadata,
    _id(),
    Column("guid", String(200), nullable=False, unique=True),
    Column("event", String(100), nullable=False),
    Column("source", String(10), nullable=False, server_default="github"),
    Column("received_at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),  # JSON, zlib; `hubwright` pages and API show it plain
    Column("repository", String(201)),
    Column("outcome", Text),
    *_waiting(),
    _waiting_index("delivery"),
    sqlite_autoincrement=True,  # a number is never given twice, whatever retention deletes
)

job = Table(
    "job",
    metadata,
    _id(),
    Column("path", String(400), nullable=False, unique=True),
    Column("repository_id", BigInteger, index=True),
    Column("repository", String(201), nullable=False, index=True),
    Column("clone_url", Text),
    Column("settings", Document, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("builds", Integer, nullable=False, server_default="0"),  # the number of the newest build
    Column("created_at", Moment, nullable=False),
)

build = Table(
    "build",
    metadata,
    _id(),
    Column("job_id", Identity, ForeignKey("job.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("trigger", Text, nullable=False),  # what asked for it; the same trigger builds once
    Column("repository", String(201), nullable=False),
    Column("sha", String(64), nullable=False),
    Column("ref", Text, nullable=False),
    Column("branch", Text),
    Column("event", String(20), nullable=False),
    Column("pull_request", Integer),
    Column("message", Text, nullable=False, server_default=""),
    Column("author_name", Text),
    Column("author_login", String(100)),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("state", String(10), nullable=False, server_default="queued"),
    Column("result", String(15)),
    Column("runs_left", Integer, nullable=False, server_default="0"),  # fan-in: nought ends the build
    Column("problem", Text),  # why there is no run: the recipe's errors, a vanished commit
    Column("recipe", Text),  # where the recipe came from
    Column("queued_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
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
    sqlite_autoincrement=True,  # a number is never given twice, whatever retention deletes
)

run = Table(
    "run",
    metadata,
    _id(),
    Column("build_id", Identity, ForeignKey("build.id"), nullable=False, index=True),
    Column("platform", String(100), nullable=False),  # as asked for: a name or a glob
    Column("matrix", Document, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("latest", Boolean, nullable=False, server_default=text("true")),  # false: a newer attempt replaced it
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("state", String(10), nullable=False, server_default="queued"),
    Column("result", String(15)),
    Column("detail", Text),
    Column("assignment", Document, nullable=False),  # wire.Payload without secrets
    Column("builder", String(100)),
    Column("lease", Integer, nullable=False, server_default="0"),  # fencing number, grows with each lease
    Column("leased_at", Moment),
    Column("cancel", Text),  # the wish to cancel, and why
    Column("seq", Integer, nullable=False, server_default="0"),  # the last message applied
    Column("log_size", BigInteger, nullable=False, server_default="0"),
    Column("tests_total", Integer),
    Column("tests_passed", Integer),
    Column("tests_skipped", Integer),
    Column("tests_failed", Integer),
    Column("queued_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Index(
        "ix_run_queued",
        text("priority DESC"),
        "id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
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

test_case = Table(
    "test_case",
    metadata,
    _id(),
    Column("run_id", Identity, ForeignKey("run.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("suite", Text, nullable=False),
    Column("classname", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("result", String(10), nullable=False),
    Column("seconds", Float),
    Column("message", Text),
)

artifact = Table(
    "artifact",
    metadata,
    _id(),
    Column("run_id", Identity, ForeignKey("run.id"), nullable=False),
    Column("sha", String(64), nullable=False, index=True),
    Column("platform", String(100), nullable=False),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("kept_at", Moment, nullable=False),
    Column("expires_at", Moment),
    UniqueConstraint("run_id", "path"),
)

fact = Table(
    "fact",
    metadata,
    _id(),
    Column("kind", String(30), nullable=False),
    Column("at", Moment, nullable=False),
    Column("job_id", Identity),
    Column("build_id", Identity, index=True),
    Column("run_id", Identity),
    Column("data", Document, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, whatever retention deletes
)

reporter = Table(
    "reporter",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("cursor", BigInteger, nullable=False),  # the last fact handed over
)

report = Table(
    "report",
    metadata,
    _id(),
    Column("reporter", String(40), nullable=False),
    Column("target", Text, nullable=False),  # reports to one target go out in order
    Column("fact_id", Identity, nullable=False),
    Column("body", Document, nullable=False),
    *_waiting(),
    UniqueConstraint("reporter", "target", "fact_id"),
    _waiting_index("report"),
)

task = Table(
    "task",
    metadata,
    _id(),
    Column("queue", String(40), nullable=False),
    Column("key", String(400), unique=True),  # the same key is one task
    Column("payload", Document, nullable=False),
    Column("parent_id", Identity, ForeignKey("task.id"), index=True),
    Column("children_left", Integer, nullable=False, server_default="0"),  # fan-in: it waits until nought
    Column("created_at", Moment, nullable=False),
    *_waiting(),
    _waiting_index("task"),
)

builder = Table(
    "builder",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("platform", String(100), nullable=False),
    Column("labels", Document, nullable=False),
    Column("slots", Integer, nullable=False),
    Column("version", String(40), nullable=False),
    Column("executor", String(20), nullable=False),
    Column("instance", String(64), nullable=False),
    Column("token_id", Identity),  # the token that this name belongs to; another one can't take it
    Column("state", String(12), nullable=False),  # connected, away, draining
    Column("connected_at", Moment),
    Column("seen_at", Moment),  # written seldom: at connect, at loss and once a minute
    Column("lag", Float),
)

token = Table(
    "token",
    metadata,
    _id(),
    Column("name", String(100), nullable=False),
    Column("role", String(10), nullable=False),  # admin, write, read, builder, session
    Column("hash", String(64), nullable=False, unique=True),  # SHA-256; tokens are 256 random bits
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
)
