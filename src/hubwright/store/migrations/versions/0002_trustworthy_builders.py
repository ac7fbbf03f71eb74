# ruff: noqa: PLR0915  a migration is one list
"""Trustworthy builders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hubwright.store.moments import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database."""
    op.create_table(
        "builder_kind",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("platform", sa.String(length=100), nullable=False),
        sa.Column("labels", Document, nullable=False),
        sa.Column("first_seen_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_builder_kind")),
    )
    op.create_table(
        "cache",
        sa.Column("id", Identity, nullable=False),
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column("family", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kept_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cache")),
        sa.UniqueConstraint(
            "repository", "scope", "family", "digest", name=op.f("uq_cache_repository_scope_family_digest")
        ),
    )
    with op.batch_alter_table("cache", schema=None) as batch_op:
        batch_op.create_index("ix_cache_family", ["repository", "family"], unique=False)
        batch_op.create_index(batch_op.f("ix_cache_used_at"), ["used_at"], unique=False)

    op.create_table(
        "secret",
        sa.Column("id", Identity, nullable=False),
        sa.Column("scope", sa.String(length=400), server_default="", nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("created_by", sa.String(length=100), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_secret")),
        sa.UniqueConstraint("scope", "name", name=op.f("uq_secret_scope_name")),
    )
    with op.batch_alter_table("secret", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_secret_key_id"), ["key_id"], unique=False)

    op.create_table(
        "bisection",
        sa.Column("id", Identity, nullable=False),
        sa.Column("job_id", Identity, nullable=False),
        sa.Column("platform", sa.String(length=100), nullable=False),
        sa.Column("matrix", Document, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("build_id", Identity, nullable=True),
        sa.Column("run_id", Identity, nullable=True),
        sa.Column("asked_by", sa.String(length=100), nullable=True),
        sa.Column("command", sa.Text(), nullable=True),
        sa.Column("before", sa.String(length=64), nullable=True),
        sa.Column("bad", sa.String(length=64), nullable=False),
        sa.Column("commits", Document, nullable=False),
        sa.Column("targets", Document, nullable=False),
        sa.Column("findings", Document, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("builds", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_builds", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", Moment(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_bisection_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bisection")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("bisection", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bisection_bad"), ["bad"], unique=False)
        batch_op.create_index(batch_op.f("ix_bisection_build_id"), ["build_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_bisection_job_id"), ["job_id"], unique=False)
        batch_op.create_index(
            "ix_bisection_open",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'searching')"),
            postgresql_where=sa.text("state IN ('waiting', 'searching')"),
        )

    op.create_table(
        "flaky_test",
        sa.Column("job_id", Identity, nullable=False),
        sa.Column("platform", sa.String(length=100), nullable=False),
        sa.Column("identity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("classname", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_flaky_test_job_id")),
        sa.PrimaryKeyConstraint("job_id", "platform", "identity", name=op.f("pk_flaky_test")),
    )
    op.create_table(
        "approval",
        sa.Column("id", Identity, nullable=False),
        sa.Column("build_id", Identity, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("pull_request", sa.Integer(), nullable=True),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("base_ref", sa.Text(), nullable=True),
        sa.Column("head_repository_id", sa.BigInteger(), nullable=True),
        sa.Column("held_at", Moment(), nullable=False),
        sa.Column("approved_at", Moment(), nullable=True),
        sa.Column("approved_by_id", sa.BigInteger(), nullable=True),
        sa.Column("approved_by_login", sa.String(length=100), nullable=True),
        sa.Column("token_name", sa.String(length=100), nullable=True),
        sa.Column("token_id", Identity, nullable=True),
        sa.Column("checked_at", Moment(), nullable=True),
        sa.Column("ask_at", Moment(), nullable=True),
        sa.Column("asked", sa.Integer(), server_default="0", nullable=False),
        sa.Column("doubt", sa.Text(), nullable=True),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], name=op.f("fk_approval_build_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.create_index(
            "ix_approval_ask",
            ["ask_at"],
            unique=False,
            sqlite_where=sa.text("ask_at IS NOT NULL"),
            postgresql_where=sa.text("ask_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_approval_build_id"), ["build_id"], unique=False)
        batch_op.create_index("ix_approval_pull_request", ["pull_request", "repository"], unique=False)

    op.create_table(
        "culprit",
        sa.Column("bisection_id", Identity, nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("targets", Document, nullable=False),
        sa.ForeignKeyConstraint(["bisection_id"], ["bisection.id"], name=op.f("fk_culprit_bisection_id")),
        sa.PrimaryKeyConstraint("bisection_id", "sha", name=op.f("pk_culprit")),
    )
    with op.batch_alter_table("culprit", schema=None) as batch_op:
        batch_op.create_index("ix_culprit_commit", ["repository", "sha"], unique=False)

    op.create_table(
        "problem",
        sa.Column("id", Identity, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("col", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("matcher", sa.String(length=40), nullable=False),
        sa.Column("log_offset", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_problem_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_problem")),
    )
    with op.batch_alter_table("problem", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_problem_run_id"), ["run_id"], unique=False)

    op.create_table(
        "recording",
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("lease", sa.Integer(), nullable=False),
        sa.Column("builder", sa.String(length=100), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=True),
        sa.Column("sentence", sa.Text(), nullable=True),
        sa.Column("seen_at", Moment(), nullable=True),
        sa.Column("closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("boot", sa.String(length=64), server_default="", nullable=False),
        sa.Column("process", sa.String(length=64), server_default="", nullable=False),
        sa.Column("data", Document, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_recording_run_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_recording")),
    )
    with op.batch_alter_table("artifact", schema=None) as batch_op:
        batch_op.add_column(sa.Column("folded", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("key", sa.String(length=200), nullable=True))

    with op.batch_alter_table("build", schema=None) as batch_op:
        batch_op.add_column(sa.Column("base_ref", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("base_sha", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("trust", sa.String(length=10), server_default="trusted", nullable=False))
        batch_op.add_column(sa.Column("retry_at", Moment(), nullable=True))

    with op.batch_alter_table("builder", schema=None) as batch_op:
        batch_op.add_column(sa.Column("wish", sa.String(length=12), nullable=True))
        batch_op.add_column(sa.Column("skew", sa.Float(), nullable=True))

    with op.batch_alter_table("gh_pull_request", schema=None) as batch_op:
        batch_op.add_column(sa.Column("updated_at", sa.String(length=20), nullable=True))

    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("labels", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("images", Document, nullable=True))
        batch_op.add_column(sa.Column("tests_previous", Identity, nullable=True))
        batch_op.add_column(sa.Column("tests_difference", Document, nullable=True))
        batch_op.drop_index(batch_op.f("ix_run_queued"), postgresql_where="((state)::text = 'queued'::text)")
        batch_op.create_index(
            "ix_run_queued",
            [sa.literal_column("priority DESC"), "id", "platform", "labels", "state"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index(
            "ix_run_held",
            ["build_id"],
            unique=False,
            sqlite_where=sa.text("state = 'held'"),
            postgresql_where=sa.text("state = 'held'"),
        )

    with op.batch_alter_table("test_case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("file", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("line", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("identity", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("change", sa.String(length=15), nullable=True))
        batch_op.add_column(sa.Column("flaky", sa.Boolean(), server_default=sa.text("false"), nullable=False))
        batch_op.drop_index(batch_op.f("ix_test_case_run_id"))
        batch_op.create_index("ix_test_case_run_identity", ["run_id", "identity"], unique=False)

    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.add_column(sa.Column("builder", sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column("bounds", Document, nullable=True))
        batch_op.create_index(
            "ix_token_builder",
            ["builder"],
            unique=True,
            sqlite_where=sa.text("builder IS NOT NULL AND revoked_at IS NULL"),
            postgresql_where=sa.text("builder IS NOT NULL AND revoked_at IS NULL"),
        )
