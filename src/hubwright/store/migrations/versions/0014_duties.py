"""Which of several processes does what only one of them may do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hubwright.store.moments import Moment

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database."""
    op.create_table(
        "duty",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_duty")),
    )
