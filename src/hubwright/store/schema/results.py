"""What a run left: test cases, problems and artifacts; and which tests are known to be flaky."""

from __future__ import annotations

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
    text,
)

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Identity, identity, metadata

test_case = Table(
    "test_case",
    metadata,
    identity(),
    Column("run_id", Identity, ForeignKey("run.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("suite", Text, nullable=False),
    Column("classname", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("result", String(10), nullable=False),
    Column("seconds", Float),
    Column("message", Text),
    Column("file", Text),  # relative to the workspace
    Column("line", Integer),
    Column("identity", BigInteger),  # a digest of suite, classname and name: what it is compared by
    Column("change", String(15)),  # since the previous run: now_failing, now_passing, still_failing, new
    Column("flaky", Boolean, nullable=False, server_default=text("false")),  # failed and passed on one commit
    # With all that strips and sorting need: those read the index alone, rows of tests that failed are long.
    Index("ix_test_case_run_identity", "run_id", "identity", "result", "seconds", "flaky"),
)

flaky_test = Table(
    "flaky_test",
    metadata,
    Column("job_id", Identity, ForeignKey("job.id"), primary_key=True),
    Column("platform", String(100), primary_key=True),
    Column("identity", BigInteger, primary_key=True, autoincrement=False),
    Column("suite", Text, nullable=False),
    Column("classname", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("times", Integer, nullable=False),  # commits on which it failed and passed
    Column("sha", String(64), nullable=False),  # the last of them
    Column("run_id", Identity, nullable=False),
    Column("seen_at", Moment, nullable=False),
)

problem = Table(
    "problem",
    metadata,
    identity(),
    Column("run_id", Identity, ForeignKey("run.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),  # of the stage
    Column("severity", String(10), nullable=False),  # error, warning, notice
    Column("message", Text, nullable=False),
    Column("file", Text),  # relative to the workspace
    Column("line", Integer),
    Column("col", Integer),
    Column("code", String(100)),  # the tool's own, such as -Wunused or E0308
    Column("matcher", String(40), nullable=False),
    Column("log_offset", BigInteger),  # the byte of the run's log where its line begins
)

artifact = Table(
    "artifact",
    metadata,
    identity(),
    Column("run_id", Identity, ForeignKey("run.id"), nullable=False),
    Column("sha", String(64), nullable=False, index=True),
    Column("platform", String(100), nullable=False),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("kept_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("folded", Text),  # the path as systems have it that know no case; rows of the first release have none
    Column("key", String(200)),  # where it lies in the storage; rows of the first release have none
    UniqueConstraint("run_id", "path"),
    Index(
        "ix_artifact_kept_at",
        "kept_at",
        sqlite_where=text("expires_at IS NULL"),
        postgresql_where=text("expires_at IS NULL"),
    ),
    Index(
        "ix_artifact_expires_at",
        "expires_at",
        sqlite_where=text("expires_at IS NOT NULL"),
        postgresql_where=text("expires_at IS NOT NULL"),
    ),
)
