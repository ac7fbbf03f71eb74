# ruff: noqa: PLR0915  a migration is one list
"""Jobs in folders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hubwright.store.migrations import jobs_in_folders
from hubwright.store.moments import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_LISTED = (
    "gh_pull_request",
    "gh_issue",
    "gh_issue_comment",
    "gh_review_comment",
    "gh_status",
    "gh_check_suite",
    "gh_check_run",
)
Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database."""
    op.create_table(
        "audit",
        sa.Column("id", Identity, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=10), nullable=False),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("token_id", Identity, nullable=True),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("action", sa.String(length=200), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index("ix_audit_actor", ["actor", "id"], unique=False)
        batch_op.create_index("ix_audit_token_id", ["token_id", "id"], unique=False)

    op.create_table(
        "repetition",
        sa.Column("id", Identity, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("body", sa.String(length=64), nullable=False),
        sa.Column("asked_at", Moment(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repetition")),
        sa.UniqueConstraint("key", name=op.f("uq_repetition_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("repetition", schema=None) as batch_op:
        batch_op.create_index("ix_repetition_owner", ["owner", "id"], unique=False)
        batch_op.create_index("ix_repetition_asked_at", ["asked_at"], unique=False)

    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.add_column(sa.Column("folders", Document, nullable=True))
        batch_op.add_column(sa.Column("used_at", Moment(), nullable=True))
        batch_op.add_column(sa.Column("parent_id", Identity, nullable=True))

    op.create_table(
        "definition",
        sa.Column("id", Identity, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("subject_id", Identity, nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", Document, nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_definition")),
        sa.UniqueConstraint("kind", "subject_id", "number", name=op.f("uq_definition_kind_subject_id_number")),
    )
    op.create_table(
        "folder",
        sa.Column("id", Identity, nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("parent", sa.String(length=400), nullable=True),
        sa.Column("settings", Document, nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folder")),
        sa.UniqueConstraint("path", name=op.f("uq_folder_path")),
    )
    with op.batch_alter_table("folder", schema=None) as batch_op:
        batch_op.create_index("ix_folder_parent", ["parent", "path"], unique=False)

    op.create_table(
        "dependency",
        sa.Column("job_id", Identity, nullable=False),
        sa.Column("after", sa.String(length=400), nullable=False),
        sa.Column("result", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_dependency_job_id")),
        sa.PrimaryKeyConstraint("job_id", "after", name=op.f("pk_dependency")),
    )
    with op.batch_alter_table("dependency", schema=None) as batch_op:
        batch_op.create_index("ix_dependency_after", ["after"], unique=False)

    op.create_table(
        "pause",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_pause")),
    )
    op.create_table(
        "link",
        sa.Column("id", Identity, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("job_id", Identity, nullable=False),
        sa.Column("globs", Document, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_link_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
    )
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_job_id"), ["job_id"], unique=False)
        batch_op.create_index(
            "ix_link_name",
            [sa.literal_column("lower(repository)"), "kind"],
            unique=True,
            sqlite_where=sa.text("repository_id IS NULL"),
            postgresql_where=sa.text("repository_id IS NULL"),
        )
        batch_op.create_index(
            "ix_link_number",
            ["repository_id", "kind"],
            unique=True,
            sqlite_where=sa.text("repository_id IS NOT NULL"),
            postgresql_where=sa.text("repository_id IS NOT NULL"),
        )

    op.create_table(
        "schedule",
        sa.Column("job_id", Identity, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("cron", sa.String(length=100), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("branch", sa.Text(), nullable=True),
        sa.Column("parameters", Document, nullable=False),
        sa.Column("last_at", Moment(), nullable=True),
        sa.Column("next_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_schedule_job_id")),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_schedule")),
    )
    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_schedule_next_at"), ["next_at"], unique=False)

    with op.batch_alter_table("build", schema=None) as batch_op:
        batch_op.add_column(sa.Column("family", Identity, nullable=True))
        batch_op.add_column(sa.Column("group", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("line", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("blocked", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("parameters", Document, nullable=True))
        batch_op.create_index(
            "ix_build_blocked",
            ["id"],
            unique=False,
            sqlite_where=sa.text("blocked IS NOT NULL"),
            postgresql_where=sa.text("blocked IS NOT NULL"),
        )
        batch_op.create_index("ix_build_family", ["family", "id"], unique=False)
        batch_op.create_index(
            "ix_build_family_result",
            ["family", "result", "id"],
            unique=False,
            sqlite_where=sa.text("result <> 'success'"),
            postgresql_where=sa.text("result <> 'success'"),
        )
        batch_op.create_index(
            "ix_build_group",
            ["group", "id"],
            unique=False,
            sqlite_where=sa.text("state <> 'finished' AND \"group\" IS NOT NULL"),
            postgresql_where=sa.text("state <> 'finished' AND \"group\" IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_build_repository_result",
            ["repository", "result", "id"],
            unique=False,
            sqlite_where=sa.text("result <> 'success'"),
            postgresql_where=sa.text("result <> 'success'"),
        )
        batch_op.create_index("ix_build_result", ["result", "id"], unique=False)
        batch_op.create_index("ix_build_branch", ["branch", "id"], unique=False)
        batch_op.create_index("ix_build_repository_branch", ["repository", "branch", "id"], unique=False)
        batch_op.create_index(
            "ix_build_job_result",
            ["job_id", "result", "id"],
            unique=False,
            sqlite_where=sa.text("result <> 'success'"),
            postgresql_where=sa.text("result <> 'success'"),
        )
        batch_op.create_index(
            "ix_build_bad",
            ["id"],
            unique=False,
            sqlite_where=sa.text("result IN ('failure', 'error', 'timeout') AND pull_request IS NULL"),
            postgresql_where=sa.text("result IN ('failure', 'error', 'timeout') AND pull_request IS NULL"),
        )

    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.add_column(sa.Column("folder", sa.String(length=400), server_default="", nullable=False))
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("copy_of", Identity, nullable=True))
        batch_op.add_column(sa.Column("copy_key", sa.String(length=800), nullable=True))
        batch_op.add_column(sa.Column("closed_at", Moment(), nullable=True))
        batch_op.add_column(sa.Column("archived_at", Moment(), nullable=True))
        batch_op.add_column(sa.Column("paused_at", Moment(), nullable=True))
        batch_op.add_column(sa.Column("paused_by", sa.Text(), nullable=True))
        batch_op.drop_index(batch_op.f("ix_job_repository"))
        batch_op.drop_index(batch_op.f("ix_job_repository_id"))
        batch_op.create_index(
            "ix_job_archived",
            ["archived_at", "id"],
            unique=False,
            sqlite_where=sa.text("archived_at IS NOT NULL"),
            postgresql_where=sa.text("archived_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_job_closed",
            ["closed_at", "id"],
            unique=False,
            sqlite_where=sa.text("closed_at IS NOT NULL AND archived_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NOT NULL AND archived_at IS NULL"),
        )
        batch_op.create_index(
            "ix_job_copies",
            ["copy_of", "id"],
            unique=False,
            sqlite_where=sa.text("copy_of IS NOT NULL"),
            postgresql_where=sa.text("copy_of IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_job_copies_apart",
            ["copy_of", "id"],
            unique=False,
            sqlite_where=sa.text("copy_of IS NOT NULL AND version > 0"),
            postgresql_where=sa.text("copy_of IS NOT NULL AND version > 0"),
        )
        batch_op.create_index(
            "ix_job_copy_key",
            ["copy_of", "copy_key"],
            unique=True,
            sqlite_where=sa.text("copy_of IS NOT NULL"),
            postgresql_where=sa.text("copy_of IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_job_folder",
            ["folder", "path"],
            unique=False,
            sqlite_where=sa.text("copy_of IS NULL"),
            postgresql_where=sa.text("copy_of IS NULL"),
        )
        batch_op.create_index(
            "ix_job_of_name",
            [sa.literal_column("lower(repository)")],
            unique=False,
            sqlite_where=sa.text("copy_of IS NULL"),
            postgresql_where=sa.text("copy_of IS NULL"),
        )
        batch_op.create_index(
            "ix_job_of_repository",
            ["repository_id"],
            unique=False,
            sqlite_where=sa.text("copy_of IS NULL"),
            postgresql_where=sa.text("copy_of IS NULL"),
        )
        batch_op.create_index(
            "ix_job_open_copies",
            ["copy_of", "id"],
            unique=False,
            sqlite_where=sa.text("copy_of IS NOT NULL AND archived_at IS NULL"),
            postgresql_where=sa.text("copy_of IS NOT NULL AND archived_at IS NULL"),
        )
        batch_op.create_index(
            "ix_job_path",
            ["path"],
            unique=False,
            sqlite_where=sa.text("copy_of IS NULL"),
            postgresql_where=sa.text("copy_of IS NULL"),
        )
        batch_op.create_index(
            "ix_job_paused",
            ["id"],
            unique=False,
            sqlite_where=sa.text("paused_at IS NOT NULL"),
            postgresql_where=sa.text("paused_at IS NOT NULL"),
        )

    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("family", Identity, nullable=True))
        batch_op.add_column(sa.Column("turn", sa.Float(), server_default="0", nullable=False))
        batch_op.drop_index(batch_op.f("ix_run_queued"), postgresql_where="((state)::text = 'queued'::text)")
        batch_op.create_index(
            "ix_run_log",
            ["family", "id"],
            unique=False,
            sqlite_where=sa.text("log_size > 0"),
            postgresql_where=sa.text("log_size > 0"),
        )
        batch_op.create_index(
            "ix_run_queued",
            [sa.literal_column("priority DESC"), "turn", "id", "platform", "labels", "state"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index(
            "ix_run_turn",
            ["family", "priority", "turn"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
    with op.batch_alter_table("gh_pull_request", schema=None) as batch_op:
        batch_op.create_index(
            "ix_gh_pull_request_open",
            ["repository_id", "head_ref"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_repository", [sa.literal_column("lower(repository)"), "id"], unique=False)
        batch_op.create_index("ix_delivery_event", ["event", "id"], unique=False)

    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.create_index(
            "ix_report_failed",
            ["id"],
            unique=False,
            sqlite_where=sa.text("state = 'failed'"),
            postgresql_where=sa.text("state = 'failed'"),
        )

    with op.batch_alter_table("gh_hook", schema=None) as batch_op:
        batch_op.create_index("ix_gh_hook_organization_id", ["organization_id"], unique=False)

    with op.batch_alter_table("scan", schema=None) as batch_op:
        batch_op.create_index("ix_scan_finished_at", ["finished_at"], unique=False)

    with op.batch_alter_table("artifact", schema=None) as batch_op:
        batch_op.create_index(
            "ix_artifact_kept_at",
            ["kept_at"],
            unique=False,
            sqlite_where=sa.text("expires_at IS NULL"),
            postgresql_where=sa.text("expires_at IS NULL"),
        )
        batch_op.create_index(
            "ix_artifact_expires_at",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("expires_at IS NOT NULL"),
            postgresql_where=sa.text("expires_at IS NOT NULL"),
        )

    for name in _LISTED:
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.create_index(f"ix_{name}_newest", ["repository_id", "id"], unique=False)

    jobs_in_folders.move(op.get_bind())
