# ruff: noqa: E501, PLR0915  a migration is one list
"""The replica."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hubwright.store.moments import Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """New tables; those of the copy of GitHub are made anew, and loaded again."""
    op.drop_table("gh_branch")
    op.drop_table("gh_commit")
    op.drop_table("gh_pull_request")
    op.drop_table("gh_repository")
    op.create_table(
        "gh_branch",
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=512), nullable=False),
        sa.Column("sha", sa.Text(), nullable=True),
        sa.Column("protected", sa.Boolean(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("repository_id", "name", name=op.f("pk_gh_branch")),
    )
    op.create_table(
        "gh_check_run",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("check_suite_id", sa.BigInteger(), nullable=True),
        sa.Column("app_id", sa.BigInteger(), nullable=True),
        sa.Column("app_slug", sa.Text(), nullable=True),
        sa.Column("head_sha", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("conclusion", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("details_url", sa.Text(), nullable=True),
        sa.Column("output", Document, nullable=True),
        sa.Column("pull_requests", Document, nullable=True),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("completed_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_check_run")),
    )
    with op.batch_alter_table("gh_check_run", schema=None) as batch_op:
        batch_op.create_index("ix_gh_check_run_head_sha", ["repository_id", "head_sha"], unique=False)

    op.create_table(
        "gh_check_suite",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("app_id", sa.BigInteger(), nullable=True),
        sa.Column("app_slug", sa.Text(), nullable=True),
        sa.Column("head_branch", sa.Text(), nullable=True),
        sa.Column("head_sha", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("conclusion", sa.Text(), nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("pull_requests", Document, nullable=True),
        sa.Column("latest_check_runs_count", sa.Integer(), nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_check_suite")),
    )
    with op.batch_alter_table("gh_check_suite", schema=None) as batch_op:
        batch_op.create_index("ix_gh_check_suite_head_sha", ["repository_id", "head_sha"], unique=False)

    op.create_table(
        "gh_commit",
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("author_email", sa.Text(), nullable=True),
        sa.Column("committer_name", sa.Text(), nullable=True),
        sa.Column("committer_email", sa.Text(), nullable=True),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("author_login", sa.Text(), nullable=True),
        sa.Column("committer_id", sa.BigInteger(), nullable=True),
        sa.Column("committer_login", sa.Text(), nullable=True),
        sa.Column("authored_at", Moment(), nullable=True),
        sa.Column("committed_at", Moment(), nullable=True),
        sa.Column("tree_sha", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("parents", Document, nullable=True),
        sa.Column("added", Document, nullable=True),
        sa.Column("removed", Document, nullable=True),
        sa.Column("modified", Document, nullable=True),
        sa.Column("comment_count", sa.Integer(), nullable=True),
        sa.Column("additions", sa.Integer(), nullable=True),
        sa.Column("deletions", sa.Integer(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("repository_id", "sha", name=op.f("pk_gh_commit")),
    )
    with op.batch_alter_table("gh_commit", schema=None) as batch_op:
        batch_op.create_index("ix_gh_commit_authored", ["repository_id", "authored_at", "sha"], unique=False)

    op.create_table(
        "gh_commit_comment",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("commit_id", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("author_association", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("reactions", Document, nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_commit_comment")),
    )
    with op.batch_alter_table("gh_commit_comment", schema=None) as batch_op:
        batch_op.create_index("ix_gh_commit_comment_commit_id", ["repository_id", "commit_id"], unique=False)

    op.create_table(
        "gh_hook",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("app_id", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=True),
        sa.Column("events", Document, nullable=True),
        sa.Column("config", Document, nullable=True),
        sa.Column("last_response", Document, nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_hook")),
    )
    with op.batch_alter_table("gh_hook", schema=None) as batch_op:
        batch_op.create_index("ix_gh_hook_repository_id", ["repository_id"], unique=False)

    op.create_table(
        "gh_hook_delivery",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hook_id", sa.BigInteger(), nullable=True),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("installation_id", sa.BigInteger(), nullable=True),
        sa.Column("guid", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("duration", sa.Float(), nullable=True),
        sa.Column("redelivery", sa.Boolean(), nullable=True),
        sa.Column("delivered_at", Moment(), nullable=True),
        sa.Column("throttled_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_hook_delivery")),
    )
    with op.batch_alter_table("gh_hook_delivery", schema=None) as batch_op:
        batch_op.create_index("ix_gh_hook_delivery_delivered_at", ["hook_id", "delivered_at"], unique=False)
        batch_op.create_index("ix_gh_hook_delivery_guid", ["guid"], unique=False)

    op.create_table(
        "gh_installation",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("app_id", sa.BigInteger(), nullable=True),
        sa.Column("target_id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("account_login", sa.Text(), nullable=True),
        sa.Column("suspended_by_id", sa.BigInteger(), nullable=True),
        sa.Column("suspended_by_login", sa.Text(), nullable=True),
        sa.Column("app_slug", sa.Text(), nullable=True),
        sa.Column("target_type", sa.Text(), nullable=True),
        sa.Column("repository_selection", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("permissions", Document, nullable=True),
        sa.Column("events", Document, nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("suspended_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_installation")),
    )
    op.create_table(
        "gh_installation_repository",
        sa.Column("installation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("full_name", sa.Text(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("installation_id", "repository_id", name=op.f("pk_gh_installation_repository")),
    )
    with op.batch_alter_table("gh_installation_repository", schema=None) as batch_op:
        batch_op.create_index("ix_gh_installation_repository_repository_id", ["repository_id"], unique=False)

    op.create_table(
        "gh_issue",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("milestone_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("milestone_number", sa.Integer(), nullable=True),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("active_lock_reason", sa.Text(), nullable=True),
        sa.Column("author_association", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("assignee_id", sa.BigInteger(), nullable=True),
        sa.Column("assignee_login", sa.Text(), nullable=True),
        sa.Column("closed_by_id", sa.BigInteger(), nullable=True),
        sa.Column("closed_by_login", sa.Text(), nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=True),
        sa.Column("assignees", Document, nullable=True),
        sa.Column("labels", Document, nullable=True),
        sa.Column("reactions", Document, nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_issue")),
    )
    with op.batch_alter_table("gh_issue", schema=None) as batch_op:
        batch_op.create_index("ix_gh_issue_number", ["repository_id", "number"], unique=False)

    op.create_table(
        "gh_issue_comment",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("issue_id", sa.BigInteger(), nullable=True),
        sa.Column("issue_number", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("author_association", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("reactions", Document, nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_issue_comment")),
    )
    with op.batch_alter_table("gh_issue_comment", schema=None) as batch_op:
        batch_op.create_index("ix_gh_issue_comment_number", ["repository_id", "issue_number"], unique=False)

    op.create_table(
        "gh_issue_label",
        sa.Column("issue_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("label_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("label_name", sa.Text(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("issue_id", "label_id", name=op.f("pk_gh_issue_label")),
    )
    with op.batch_alter_table("gh_issue_label", schema=None) as batch_op:
        batch_op.create_index("ix_gh_issue_label_label_id", ["label_id"], unique=False)

    op.create_table(
        "gh_label",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("default", sa.Boolean(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_label")),
    )
    with op.batch_alter_table("gh_label", schema=None) as batch_op:
        batch_op.create_index("ix_gh_label_name", ["repository_id", "name"], unique=False)

    op.create_table(
        "gh_milestone",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("open_issues", sa.Integer(), nullable=True),
        sa.Column("closed_issues", sa.Integer(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("creator_id", sa.BigInteger(), nullable=True),
        sa.Column("creator_login", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.Column("due_on", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_milestone")),
    )
    with op.batch_alter_table("gh_milestone", schema=None) as batch_op:
        batch_op.create_index("ix_gh_milestone_number", ["repository_id", "number"], unique=False)

    op.create_table(
        "gh_organization",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("login", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("company", sa.Text(), nullable=True),
        sa.Column("blog", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("twitter_username", sa.Text(), nullable=True),
        sa.Column("is_verified", sa.Boolean(), nullable=True),
        sa.Column("public_repos", sa.Integer(), nullable=True),
        sa.Column("public_gists", sa.Integer(), nullable=True),
        sa.Column("followers", sa.Integer(), nullable=True),
        sa.Column("following", sa.Integer(), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("archived_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_organization")),
    )
    with op.batch_alter_table("gh_organization", schema=None) as batch_op:
        batch_op.create_index("ix_gh_organization_login", [sa.literal_column("lower(login)")], unique=False)

    op.create_table(
        "gh_organization_member",
        sa.Column("organization_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "user_id", name=op.f("pk_gh_organization_member")),
    )
    op.create_table(
        "gh_pull_request",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("milestone_id", sa.BigInteger(), nullable=True),
        sa.Column("head_repository_id", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("milestone_number", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("active_lock_reason", sa.Text(), nullable=True),
        sa.Column("author_association", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("assignee_id", sa.BigInteger(), nullable=True),
        sa.Column("assignee_login", sa.Text(), nullable=True),
        sa.Column("merged_by_id", sa.BigInteger(), nullable=True),
        sa.Column("merged_by_login", sa.Text(), nullable=True),
        sa.Column("head_user_id", sa.BigInteger(), nullable=True),
        sa.Column("head_user_login", sa.Text(), nullable=True),
        sa.Column("head_repository", sa.Text(), nullable=True),
        sa.Column("head_ref", sa.Text(), nullable=True),
        sa.Column("head_sha", sa.Text(), nullable=True),
        sa.Column("base_ref", sa.Text(), nullable=True),
        sa.Column("base_sha", sa.Text(), nullable=True),
        sa.Column("merge_commit_sha", sa.Text(), nullable=True),
        sa.Column("mergeable_state", sa.Text(), nullable=True),
        sa.Column("draft", sa.Boolean(), nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=True),
        sa.Column("merged", sa.Boolean(), nullable=True),
        sa.Column("mergeable", sa.Boolean(), nullable=True),
        sa.Column("rebaseable", sa.Boolean(), nullable=True),
        sa.Column("maintainer_can_modify", sa.Boolean(), nullable=True),
        sa.Column("assignees", Document, nullable=True),
        sa.Column("labels", Document, nullable=True),
        sa.Column("requested_reviewers", Document, nullable=True),
        sa.Column("requested_teams", Document, nullable=True),
        sa.Column("auto_merge", Document, nullable=True),
        sa.Column("comments", sa.Integer(), nullable=True),
        sa.Column("review_comments", sa.Integer(), nullable=True),
        sa.Column("commits", sa.Integer(), nullable=True),
        sa.Column("additions", sa.Integer(), nullable=True),
        sa.Column("deletions", sa.Integer(), nullable=True),
        sa.Column("changed_files", sa.Integer(), nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("closed_at", Moment(), nullable=True),
        sa.Column("merged_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_pull_request")),
    )
    with op.batch_alter_table("gh_pull_request", schema=None) as batch_op:
        batch_op.create_index("ix_gh_pull_request_number", ["repository_id", "number"], unique=False)

    op.create_table(
        "gh_pull_request_file",
        sa.Column("pull_request_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("filename", sa.String(length=2600), nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("sha", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("previous_filename", sa.Text(), nullable=True),
        sa.Column("patch", sa.Text(), nullable=True),
        sa.Column("blob_url", sa.Text(), nullable=True),
        sa.Column("additions", sa.Integer(), nullable=True),
        sa.Column("deletions", sa.Integer(), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("pull_request_id", "filename", name=op.f("pk_gh_pull_request_file")),
    )
    op.create_table(
        "gh_release",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("tag_name", sa.Text(), nullable=True),
        sa.Column("target_commitish", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("tarball_url", sa.Text(), nullable=True),
        sa.Column("zipball_url", sa.Text(), nullable=True),
        sa.Column("draft", sa.Boolean(), nullable=True),
        sa.Column("prerelease", sa.Boolean(), nullable=True),
        sa.Column("immutable", sa.Boolean(), nullable=True),
        sa.Column("author_id", sa.BigInteger(), nullable=True),
        sa.Column("author_login", sa.Text(), nullable=True),
        sa.Column("assets", Document, nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("published_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_release")),
    )
    with op.batch_alter_table("gh_release", schema=None) as batch_op:
        batch_op.create_index("ix_gh_release_repository_id", ["repository_id"], unique=False)

    op.create_table(
        "gh_repository",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("full_name", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.BigInteger(), nullable=True),
        sa.Column("owner_login", sa.Text(), nullable=True),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("organization_login", sa.Text(), nullable=True),
        sa.Column("private", sa.Boolean(), nullable=True),
        sa.Column("fork", sa.Boolean(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=True),
        sa.Column("is_template", sa.Boolean(), nullable=True),
        sa.Column("allow_forking", sa.Boolean(), nullable=True),
        sa.Column("web_commit_signoff_required", sa.Boolean(), nullable=True),
        sa.Column("has_issues", sa.Boolean(), nullable=True),
        sa.Column("has_projects", sa.Boolean(), nullable=True),
        sa.Column("has_wiki", sa.Boolean(), nullable=True),
        sa.Column("has_pages", sa.Boolean(), nullable=True),
        sa.Column("has_downloads", sa.Boolean(), nullable=True),
        sa.Column("has_discussions", sa.Boolean(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=True),
        sa.Column("default_branch", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("homepage", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("mirror_url", sa.Text(), nullable=True),
        sa.Column("topics", Document, nullable=True),
        sa.Column("license", Document, nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("stargazers_count", sa.Integer(), nullable=True),
        sa.Column("watchers_count", sa.Integer(), nullable=True),
        sa.Column("forks_count", sa.Integer(), nullable=True),
        sa.Column("open_issues_count", sa.Integer(), nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("pushed_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_repository")),
    )
    with op.batch_alter_table("gh_repository", schema=None) as batch_op:
        batch_op.create_index("ix_gh_repository_full_name", [sa.literal_column("lower(full_name)")], unique=False)

    op.create_table(
        "gh_review",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("pull_request_id", sa.BigInteger(), nullable=True),
        sa.Column("pull_request_number", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("commit_id", sa.Text(), nullable=True),
        sa.Column("author_association", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("submitted_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_review")),
    )
    with op.batch_alter_table("gh_review", schema=None) as batch_op:
        batch_op.create_index("ix_gh_review_number", ["repository_id", "pull_request_number"], unique=False)

    op.create_table(
        "gh_review_comment",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("pull_request_id", sa.BigInteger(), nullable=True),
        sa.Column("pull_request_review_id", sa.BigInteger(), nullable=True),
        sa.Column("in_reply_to_id", sa.BigInteger(), nullable=True),
        sa.Column("pull_request_number", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("original_position", sa.Integer(), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("original_line", sa.Integer(), nullable=True),
        sa.Column("start_line", sa.Integer(), nullable=True),
        sa.Column("original_start_line", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.BigInteger(), nullable=True),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("side", sa.Text(), nullable=True),
        sa.Column("start_side", sa.Text(), nullable=True),
        sa.Column("subject_type", sa.Text(), nullable=True),
        sa.Column("commit_id", sa.Text(), nullable=True),
        sa.Column("original_commit_id", sa.Text(), nullable=True),
        sa.Column("diff_hunk", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("author_association", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("reactions", Document, nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_review_comment")),
    )
    with op.batch_alter_table("gh_review_comment", schema=None) as batch_op:
        batch_op.create_index("ix_gh_review_comment_number", ["repository_id", "pull_request_number"], unique=False)

    op.create_table(
        "gh_star",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("starred_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("user_id", "repository_id", name=op.f("pk_gh_star")),
    )
    with op.batch_alter_table("gh_star", schema=None) as batch_op:
        batch_op.create_index("ix_gh_star_repository_id", ["repository_id"], unique=False)

    op.create_table(
        "gh_status",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), nullable=True),
        sa.Column("sha", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("target_url", sa.Text(), nullable=True),
        sa.Column("creator_id", sa.BigInteger(), nullable=True),
        sa.Column("creator_login", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_status")),
    )
    with op.batch_alter_table("gh_status", schema=None) as batch_op:
        batch_op.create_index("ix_gh_status_sha", ["repository_id", "sha"], unique=False)

    op.create_table(
        "gh_team",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("organization_login", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("slug", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("privacy", sa.Text(), nullable=True),
        sa.Column("permission", sa.Text(), nullable=True),
        sa.Column("notification_setting", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("members_count", sa.Integer(), nullable=True),
        sa.Column("repos_count", sa.Integer(), nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_team")),
    )
    op.create_table(
        "gh_team_member",
        sa.Column("team_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("pk_gh_team_member")),
    )
    op.create_table(
        "gh_team_repository",
        sa.Column("team_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("permission", sa.Text(), nullable=True),
        sa.Column("role_name", sa.Text(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("team_id", "repository_id", name=op.f("pk_gh_team_repository")),
    )
    op.create_table(
        "gh_user",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("login", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("company", sa.Text(), nullable=True),
        sa.Column("blog", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("bio", sa.Text(), nullable=True),
        sa.Column("twitter_username", sa.Text(), nullable=True),
        sa.Column("site_admin", sa.Boolean(), nullable=True),
        sa.Column("hireable", sa.Boolean(), nullable=True),
        sa.Column("public_repos", sa.Integer(), nullable=True),
        sa.Column("public_gists", sa.Integer(), nullable=True),
        sa.Column("followers", sa.Integer(), nullable=True),
        sa.Column("following", sa.Integer(), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("html_url", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=True),
        sa.Column("updated_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gh_user")),
    )
    with op.batch_alter_table("gh_user", schema=None) as batch_op:
        batch_op.create_index("ix_gh_user_login", [sa.literal_column("lower(login)")], unique=False)

    op.create_table(
        "gh_user_repository",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_login", sa.Text(), nullable=True),
        sa.Column("permission", sa.Text(), nullable=True),
        sa.Column("role_name", sa.Text(), nullable=True),
        sa.Column("admin", sa.Boolean(), nullable=True),
        sa.Column("maintain", sa.Boolean(), nullable=True),
        sa.Column("push", sa.Boolean(), nullable=True),
        sa.Column("triage", sa.Boolean(), nullable=True),
        sa.Column("pull", sa.Boolean(), nullable=True),
        sa.Column("last_replicated_via_webhook_at", Moment(), nullable=True),
        sa.Column("last_replicated_via_api_at", Moment(), nullable=True),
        sa.Column(
            "last_replicated_at",
            Moment(),
            sa.Computed(
                "CASE WHEN last_replicated_via_webhook_at IS NULL OR last_replicated_via_api_at > last_replicated_via_webhook_at THEN last_replicated_via_api_at ELSE last_replicated_via_webhook_at END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("deleted_at", Moment(), nullable=True),
        sa.Column("raw", Document, nullable=True),
        sa.Column("versions", Document, nullable=True),
        sa.PrimaryKeyConstraint("user_id", "repository_id", name=op.f("pk_gh_user_repository")),
    )
    with op.batch_alter_table("gh_user_repository", schema=None) as batch_op:
        batch_op.create_index("ix_gh_user_repository_repository_id", ["repository_id"], unique=False)

    op.create_table(
        "github_answer",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("used_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_github_answer")),
    )
    with op.batch_alter_table("github_answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_github_answer_used_at"), ["used_at"], unique=False)

    op.create_table(
        "github_budget",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("hour_limit", sa.Integer(), nullable=True),
        sa.Column("hour_remaining", sa.Integer(), nullable=True),
        sa.Column("hour_ends_at", Moment(), nullable=True),
        sa.Column("told_at", Moment(), nullable=True),
        sa.Column("paused_until", Moment(), nullable=True),
        sa.Column("limits_met", sa.Integer(), server_default="0", nullable=False),
        sa.Column("wrote_at", Moment(), nullable=True),
        sa.Column("spent", Document, nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_github_budget")),
    )
    op.create_table(
        "github_credential",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("about", Document, nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_github_credential")),
    )
    with op.batch_alter_table("github_credential", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_github_credential_key_id"), ["key_id"], unique=False)

    op.create_table(
        "github_token",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_github_token")),
    )
    op.create_table(
        "missed_delivery",
        sa.Column("guid", sa.String(length=200), nullable=False),
        sa.Column("watch_id", Identity, nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=True),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("event", sa.String(length=100), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("delivered_at", Moment(), nullable=False),
        sa.Column("found_at", Moment(), nullable=False),
        sa.Column("asked", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", Moment(), nullable=True),
        sa.Column("recovered_at", Moment(), nullable=True),
        sa.Column("way", sa.String(length=12), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("guid", name=op.f("pk_missed_delivery")),
    )
    with op.batch_alter_table("missed_delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_missed_delivery_delivered_at"), ["delivered_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_missed_delivery_recovered_at"), ["recovered_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_missed_delivery_watch_id"), ["watch_id"], unique=False)

    op.create_table(
        "scan",
        sa.Column("listing", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("began_at", Moment(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=False),
        sa.Column("whole_at", Moment(), nullable=True),
        sa.Column("changed_until", sa.String(length=64), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("vanished", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("listing", "scope", name=op.f("pk_scan")),
    )
    op.create_table(
        "scan_page",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.String(length=300), nullable=False),
        sa.Column("kept_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_scan_page")),
    )
    op.create_table(
        "watch",
        sa.Column("id", Identity, nullable=False),
        sa.Column("what", sa.String(length=10), nullable=False),
        sa.Column("place", sa.String(length=300), nullable=False),
        sa.Column("asked_at", Moment(), nullable=True),
        sa.Column("tried_at", Moment(), nullable=True),
        sa.Column("looked_at", Moment(), nullable=True),
        sa.Column("told", Document, nullable=False),
        sa.Column("state", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", Moment(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch")),
        sa.UniqueConstraint("what", "place", name=op.f("uq_watch_what_place")),
    )
    with op.batch_alter_table("watch", schema=None) as batch_op:
        batch_op.create_index(
            "ix_watch_open",
            ["next_try_at", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'leased')"),
            postgresql_where=sa.text("state IN ('waiting', 'leased')"),
        )

    op.create_table(
        "watched_head",
        sa.Column("watch_id", Identity, nullable=False),
        sa.Column("ref", sa.String(length=512), nullable=False),
        sa.Column("sha", sa.String(length=64), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["watch_id"], ["watch.id"], name=op.f("fk_watched_head_watch_id")),
        sa.PrimaryKeyConstraint("watch_id", "ref", name=op.f("pk_watched_head")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(sa.Column("headers", Document, nullable=True))
        batch_op.create_index("ix_delivery_received_at", ["received_at", "source"], unique=False)

    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.add_column(sa.Column("root_id", Identity, nullable=True))
        batch_op.create_index(batch_op.f("ix_task_root_id"), ["root_id"], unique=False)

    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.add_column(sa.Column("user_id", Identity, nullable=True))
        batch_op.add_column(sa.Column("user_login", sa.String(length=100), nullable=True))
