"""What happened in channels of IRC. Who does not want to be in it stands in `irc_opt_out`."""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table, Text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import identity, metadata

channel_line = Table(  # one thing that happened, see domain.channel_logs
    "channel_line",
    metadata,
    identity(),
    Column("channel", String(100), nullable=False),  # folded, with its sign
    Column("at", Moment, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("nick", String(100), nullable=False),
    Column("account", String(100)),  # of the network's services
    Column("person", String(100), nullable=False),  # the account, or the nick of who has none; folded
    Column("text", Text, nullable=False, server_default=""),
    Column("other", String(100), nullable=False, server_default=""),  # the new name, or who was kicked
    Index("ix_channel_line_channel", "channel", "at", "id"),
    Index("ix_channel_line_person", "person", "id"),
)
