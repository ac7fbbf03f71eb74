"""Trustworthy builders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Document = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database."""
    with op.batch_alter_table("build", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trust", sa.String(length=10), server_default="trusted", nullable=False))

    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("labels", sa.Text(), server_default="", nullable=False))
        batch_op.drop_index(batch_op.f("ix_run_queued"), postgresql_where="((state)::text = 'queued'::text)")
        batch_op.create_index(
            "ix_run_queued",
            [sa.literal_column("priority DESC"), "id", "platform", "labels"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
