"""Failures that are known by their fingerprint."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hubwright.store.moments import Moment

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database."""
    op.create_table(
        "known_failure",
        sa.Column("id", Identity, nullable=False),
        sa.Column("family", Identity, nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("issue", sa.Text(), nullable=True),
        sa.Column("linked_by", sa.Text(), nullable=True),
        sa.Column("linked_at", Moment(), nullable=True),
        sa.Column("newest", Identity, server_default="0", nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["family"], ["job.id"], name=op.f("fk_known_failure_family")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_failure")),
        sa.UniqueConstraint("fingerprint", "family", name=op.f("uq_known_failure_fingerprint_family")),
    )
    op.create_index("ix_known_failure_newest", "known_failure", ["newest"])
    op.create_index("ix_known_failure_family", "known_failure", ["family", "newest"])
    linked, loose = sa.text("issue IS NOT NULL"), sa.text("issue IS NULL")
    op.create_index(
        "ix_known_failure_linked", "known_failure", ["newest"], sqlite_where=linked, postgresql_where=linked
    )
    op.create_index(
        "ix_known_failure_last_at", "known_failure", ["last_at"], sqlite_where=loose, postgresql_where=loose
    )
    op.create_table(
        "known_failure_place",
        sa.Column("known_failure_id", Identity, nullable=False),
        sa.Column("platform", sa.String(length=100), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", Moment(), nullable=False),
        sa.Column("last_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["known_failure_id"], ["known_failure.id"], name=op.f("fk_known_failure_place_known_failure_id")
        ),
        sa.PrimaryKeyConstraint("known_failure_id", "platform", name=op.f("pk_known_failure_place")),
    )
    op.create_table(
        "run_failure",
        sa.Column("id", Identity, nullable=False),
        sa.Column("run_id", Identity, nullable=False),
        sa.Column("known_failure_id", Identity, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_failure_run_id")),
        sa.ForeignKeyConstraint(
            ["known_failure_id"], ["known_failure.id"], name=op.f("fk_run_failure_known_failure_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_failure")),
        sa.UniqueConstraint("run_id", "known_failure_id", name=op.f("uq_run_failure_run_id_known_failure_id")),
    )
    op.create_index("ix_run_failure_known_failure_id", "run_failure", ["known_failure_id", "id"])
