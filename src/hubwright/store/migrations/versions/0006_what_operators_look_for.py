"""What operators look for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Indexes only: of deliveries that failed, and of what a builder has done."""
    failed, finished = sa.text("state = 'failed'"), sa.text("state = 'finished'")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_failed", ["id"], unique=False, sqlite_where=failed, postgresql_where=failed)
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(
            "ix_run_builder", ["builder", "id"], unique=False, sqlite_where=finished, postgresql_where=finished
        )
