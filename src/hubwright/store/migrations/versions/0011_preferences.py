"""What people want to be told of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from hubwright.store.moments import Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """One table, empty: who has said nothing is told what jobs say."""
    op.create_table(
        "preference",
        sa.Column("login", sa.String(length=100), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("events", Document, nullable=False),
        sa.Column("mine", sa.Boolean(), nullable=False),
        sa.Column("ways", Document, nullable=False),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("updated_by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("login", "path", name=op.f("pk_preference")),
    )
    op.create_index("ix_preference_path", "preference", ["path", "mine", "login"])
