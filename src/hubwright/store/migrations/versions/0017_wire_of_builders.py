"""Which version of the wire builders speak."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database, and writes builders without it."""
    op.add_column("builder", sa.Column("wire", sa.Integer(), nullable=True))
