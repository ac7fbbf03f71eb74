"""Which builders are there for one run only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database, and writes builders without it."""
    op.add_column("builder", sa.Column("once", sa.Boolean(), server_default=sa.text("false"), nullable=False))
