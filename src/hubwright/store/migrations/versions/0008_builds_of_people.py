"""Builds of people: the first page shows who looks what they have pushed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two indexes; logins are found in any case, names as they are."""
    op.create_index("ix_build_author_login", "build", [sa.literal_column("lower(author_login)"), "id"])
    op.create_index("ix_build_author_name", "build", ["author_name", "id"])
