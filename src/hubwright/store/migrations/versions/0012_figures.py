"""Figures: counts for the monitoring system that all processes share and no restart sets back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; everything is counted from now on."""
    op.create_table(
        "figure",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("labels", sa.String(length=300), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("name", "labels", name=op.f("pk_figure")),
    )
