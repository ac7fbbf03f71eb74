# ruff: noqa: PLR0915  a migration is one list
"""Every table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hubwright.store.moments import Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database."""
    op.create_table(
        "builder",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("platform", sa.String(length=100), nullable=False),
        sa.Column("labels", Document, nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("executor", sa.String(length=20), nullable=False),
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("token_id", Identity, nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("connected_at", Moment(), nullable=True),
        sa.Column("seen_at", Moment(), nullable=True),
        sa.Column("lag", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_builder")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", Identity, nullable=False),
        sa.Column("guid", sa.String(length=200), nullable=False),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("source", sa.String(length=10), server_default="github", nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("repository", sa.String(length=201), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", Moment(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("guid", name=op.f("uq_delivery_guid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(
            "ix_delivery_open",
            ["next_try_at", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'leased')"),
            postgresql_where=sa.text("state IN ('waiting', 'leased')"),
        )

    op.create_table(
        "fact",
        sa.Column("id", Identity, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("job_id", Identity, nullable=True),
        sa.Column("build_id", Identity, nullable=True),
        sa.Column("run_id", Identity, nullable=True),
        sa.Column("data", Document, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fact")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("fact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fact_build_id"), ["build_id"], unique=False)

    op.create_table(
        "gh_branch",
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("sha", sa.String(length=64), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.PrimaryKeyConstraint("repository", "name", name=op.f("pk_gh_branch")),
    )
    with op.batch_alter_table("gh_branch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gh_branch_repository_id"), ["repository_id"], unique=False)

    op.create_table(
        "gh_commit",
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("author_email", sa.Text(), nullable=True),
        sa.Column("author_login", sa.String(length=100), nullable=True),
        sa.Column("authored_at", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("added", Document, nullable=True),
        sa.Column("removed", Document, nullable=True),
        sa.Column("modified", Document, nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.PrimaryKeyConstraint("repository", "sha", name=op.f("pk_gh_commit")),
    )
    with op.batch_alter_table("gh_commit", schema=None) as batch_op:
        batch_op.create_index("ix_gh_commit_authored", ["repository", "authored_at", "sha"], unique=False)
        batch_op.create_index(batch_op.f("ix_gh_commit_repository_id"), ["repository_id"], unique=False)

    op.create_table(
        "gh_pull_request",
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=True),
        sa.Column("user_login", sa.String(length=100), nullable=True),
        sa.Column("head_sha", sa.String(length=64), nullable=True),
        sa.Column("head_ref", sa.Text(), nullable=True),
        sa.Column("head_repository", sa.String(length=201), nullable=True),
        sa.Column("base_ref", sa.Text(), nullable=True),
        sa.Column("draft", sa.Boolean(), nullable=True),
        sa.Column("merged", sa.Boolean(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.PrimaryKeyConstraint("repository", "number", name=op.f("pk_gh_pull_request")),
    )
    with op.batch_alter_table("gh_pull_request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gh_pull_request_repository_id"), ["repository_id"], unique=False)

    op.create_table(
        "gh_repository",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner_login", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("full_name", sa.String(length=201), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=True),
        sa.Column("fork", sa.Boolean(), nullable=True),
        sa.Column("default_branch", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_repository")),
    )
    with op.batch_alter_table("gh_repository", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_gh_repository_full_name"), ["full_name"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", Identity, nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("clone_url", sa.Text(), nullable=True),
        sa.Column("settings", Document, nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("builds", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("path", name=op.f("uq_job_path")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_repository"), ["repository"], unique=False)
        batch_op.create_index(batch_op.f("ix_job_repository_id"), ["repository_id"], unique=False)

    op.create_table(
        "report",
        sa.Column("id", Identity, nullable=False),
        sa.Column("reporter", sa.String(length=40), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("fact_id", Identity, nullable=False),
        sa.Column("body", Document, nullable=False),
        sa.Column("state", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", Moment(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("reporter", "target", "fact_id", name=op.f("uq_report_reporter_target_fact_id")),
    )
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.create_index(
            "ix_report_open",
            ["next_try_at", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'leased')"),
            postgresql_where=sa.text("state IN ('waiting', 'leased')"),
        )

    op.create_table(
        "reporter",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_reporter")),
    )
    op.create_table(
        "task",
        sa.Column("id", Identity, nullable=False),
        sa.Column("queue", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=True),
        sa.Column("payload", Document, nullable=False),
        sa.Column("parent_id", Identity, nullable=True),
        sa.Column("children_left", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", Moment(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["task.id"], name=op.f("fk_task_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("key", name=op.f("uq_task_key")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index(
            "ix_task_open",
            ["next_try_at", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'leased')"),
            postgresql_where=sa.text("state IN ('waiting', 'leased')"),
        )
        batch_op.create_index(batch_op.f("ix_task_parent_id"), ["parent_id"], unique=False)

    op.create_table(
        "token",
        sa.Column("id", Identity, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("revoked_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_token_hash")),
    )
    op.create_table(
        "build",
        sa.Column("id", Identity, nullable=False),
        sa.Column("job_id", Identity, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("pull_request", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("author_login", sa.String(length=100), nullable=True),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=10), server_default="queued", nullable=False),
        sa.Column("result", sa.String(length=15), nullable=True),
        sa.Column("runs_left", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("recipe", sa.Text(), nullable=True),
        sa.Column("queued_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_build_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build")),
        sa.UniqueConstraint("job_id", "number", name=op.f("uq_build_job_id_number")),
        sa.UniqueConstraint("job_id", "trigger", name=op.f("uq_build_job_id_trigger")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("build", schema=None) as batch_op:
        batch_op.create_index("ix_build_job_branch", ["job_id", "branch", "id"], unique=False)
        batch_op.create_index("ix_build_repository", ["repository", "id"], unique=False)
        batch_op.create_index("ix_build_repository_sha", ["repository", "sha"], unique=False)
        batch_op.create_index("ix_build_sha", ["sha"], unique=False)
        batch_op.create_index(
            "ix_build_state",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state <> 'finished'"),
            postgresql_where=sa.text("state <> 'finished'"),
        )

    op.create_table(
        "run",
        sa.Column("id", Identity, nullable=False),
        sa.Column("build_id", Identity, nullable=False),
        sa.Column("platform", sa.String(length=100), nullable=False),
        sa.Column("matrix", Document, nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.Column("latest", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=10), server_default="queued", nullable=False),
        sa.Column("result", sa.String(length=15), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("assignment", Document, nullable=False),
        sa.Column("builder", sa.String(length=100), nullable=True),
        sa.Column("lease", sa.Integer(), server_default="0", nullable=False),
        sa.Column("leased_at", Moment(), nullable=True),
        sa.Column("cancel", sa.Text(), nullable=True),
        sa.Column("seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column("log_size", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("tests_total", sa.Integer(), nullable=True),
        sa.Column("tests_passed", sa.Integer(), nullable=True),
        sa.Column("tests_skipped", sa.Integer(), nullable=True),
        sa.Column("tests_failed", sa.Integer(), nullable=True),
        sa.Column("queued_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], name=op.f("fk_run_build_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_build_id"), ["build_id"], unique=False)
        batch_op.create_index(
            "ix_run_queued",
            [sa.literal_column("priority DESC"), "id"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index(
            "ix_run_running",
            ["builder"],
            unique=False,
            sqlite_where=sa.text("state = 'running'"),
            postgresql_where=sa.text("state = 'running'"),
        )

    op.create_table(
        "artifact",
        sa.Column("id", Identity, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("platform", sa.String(length=100), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kept_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_artifact_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact")),
        sa.UniqueConstraint("run_id", "path", name=op.f("uq_artifact_run_id_path")),
    )
    with op.batch_alter_table("artifact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_artifact_sha"), ["sha"], unique=False)

    op.create_table(
        "stage",
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=True),
        sa.Column("allow_failure", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="queued", nullable=False),
        sa.Column("result", sa.String(length=15), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="1", nullable=False),
        sa.Column("log_start", sa.BigInteger(), nullable=True),
        sa.Column("log_end", sa.BigInteger(), nullable=True),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_stage_run_id")),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_stage")),
    )
    op.create_table(
        "test_case",
        sa.Column("id", Identity, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("classname", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("result", sa.String(length=10), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_test_case_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_case")),
    )
    with op.batch_alter_table("test_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_test_case_run_id"), ["run_id"], unique=False)
