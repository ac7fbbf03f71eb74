"""What the grid of a repository and blame walk by: what failed, and what is of a pull request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FAILED, _OF_PULL_REQUESTS = "result IN ('failure', 'error', 'timeout')", "pull_request IS NOT NULL"
_INDEXES = (
    ("ix_build_repository_failed", ["repository", "id"], _FAILED),
    ("ix_build_branch_failed", ["repository", "branch", "id"], _FAILED),
    ("ix_build_family_failed", ["family", "id"], _FAILED),
    ("ix_build_pull_request", ["repository", "pull_request", "id"], _OF_PULL_REQUESTS),
)


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database."""
    with op.batch_alter_table("build", schema=None) as batch_op:
        for name, columns, rows in _INDEXES:
            batch_op.create_index(
                name, columns, unique=False, sqlite_where=sa.text(rows), postgresql_where=sa.text(rows)
            )
