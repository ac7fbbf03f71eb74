"""Logs of IRC channels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hubwright.store.moments import Moment
from hubwright.store.schema import Identity

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; who is left out of it stands in `irc_opt_out`."""
    op.create_table(
        "channel_line",
        sa.Column("id", Identity, nullable=False),
        sa.Column("channel", sa.String(length=100), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("nick", sa.String(length=100), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=True),
        sa.Column("person", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("other", sa.String(length=100), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_line")),
    )
    op.create_index("ix_channel_line_channel", "channel_line", ["channel", "at", "id"])
    op.create_index("ix_channel_line_person", "channel_line", ["person", "id"])
