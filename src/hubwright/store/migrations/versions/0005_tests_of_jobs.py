"""Tests of jobs: their index holds what strips and sorting read."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INDEX = "ix_test_case_run_identity"


def upgrade() -> None:
    """The wider index takes the place of the old one."""
    op.drop_index(_INDEX, table_name="test_case")
    op.create_index(_INDEX, "test_case", ["run_id", "identity", "result", "seconds", "flaky"], unique=False)
