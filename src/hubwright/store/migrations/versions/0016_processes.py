"""Which hubs and workers are there, and in whose folder a log grows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hubwright.store.moments import Moment

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database."""
    op.create_table(
        "process",
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("wire", sa.Integer(), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_process")),
    )
    op.create_index("ix_process_place", "process", ["place", "seen_at"])
    op.add_column("run", sa.Column("log_at", sa.String(length=32), nullable=True))
    there = sa.text("log_at IS NOT NULL")
    op.create_index("ix_run_unsealed", "run", ["log_at", "state", "id"], sqlite_where=there, postgresql_where=there)
