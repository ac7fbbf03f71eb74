"""What people tell the bot on IRC, and who mends which branch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from hubwright.store.moments import Moment

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Identity = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Only add: a hub of the release before may still be running on this database."""
    op.create_table(
        "irc_account",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("login", sa.String(length=100), nullable=True),
        sa.Column("linked_at", Moment(), nullable=True),
        sa.Column("code", sa.String(length=64), nullable=True),
        sa.Column("code_until", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_irc_account")),
        sa.UniqueConstraint("code", name=op.f("uq_irc_account_code")),
    )
    with op.batch_alter_table("irc_account", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_irc_account_login"), ["login"], unique=False)

    op.create_table(
        "irc_mute",
        sa.Column("channel", sa.String(length=100), nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_irc_mute")),
    )
    op.create_table(
        "irc_notify",
        sa.Column("target", sa.String(length=100), nullable=False),
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("target", "event", name=op.f("pk_irc_notify")),
    )
    op.create_table(
        "irc_opt_out",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_irc_opt_out")),
    )
    op.create_table(
        "irc_ping",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("nick", sa.String(length=100), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_irc_ping")),
    )
    op.create_table(
        "irc_repository",
        sa.Column("channel", sa.String(length=100), nullable=False),
        sa.Column("repository", sa.String(length=201), nullable=False),
        sa.Column("name", sa.String(length=201), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "repository", name=op.f("pk_irc_repository")),
    )
    op.create_table(
        "irc_seen",
        sa.Column("nick", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("channel", sa.String(length=100), nullable=True),
        sa.Column("renamed", sa.String(length=100), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("nick", name=op.f("pk_irc_seen")),
    )
    with op.batch_alter_table("irc_seen", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_irc_seen_at"), ["at"], unique=False)

    op.create_table(
        "irc_tell",
        sa.Column("id", Identity, nullable=False),
        sa.Column("nick", sa.String(length=100), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=True),
        sa.Column("sender", sa.String(length=100), nullable=False),
        sa.Column("target", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_irc_tell")),
    )
    with op.batch_alter_table("irc_tell", schema=None) as batch_op:
        batch_op.create_index("ix_irc_tell_nick", ["nick", "id"], unique=False)

    op.create_table(
        "irc_trust",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_irc_trust")),
    )
    op.create_table(
        "irc_watch",
        sa.Column("id", Identity, nullable=False),
        sa.Column("nick", sa.String(length=100), nullable=False),
        sa.Column("target", sa.String(length=100), nullable=False),
        sa.Column("build_id", Identity, nullable=True),
        sa.Column("job_id", Identity, nullable=True),
        sa.Column("behind", sa.Integer(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_irc_watch")),
    )
    with op.batch_alter_table("irc_watch", schema=None) as batch_op:
        batch_op.create_index("ix_irc_watch_nick", ["nick"], unique=False)

    op.create_table(
        "take",
        sa.Column("job_id", Identity, nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_take_job_id")),
        sa.PrimaryKeyConstraint("job_id", "branch", name=op.f("pk_take")),
    )
