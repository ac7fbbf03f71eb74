"""What people tell the bot on IRC. Names of people and channels are folded (`domain.irc_names`), so equal is equal."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from hubwright.store.moments import Moment
from hubwright.store.schema.columns import Identity, identity, metadata

irc_account = Table(  # whose services account is whose login at GitHub; a row without `login` only waits for its code
    "irc_account",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("login", String(100), index=True),  # in lower case
    Column("linked_at", Moment),
    Column("code", String(64), unique=True),  # SHA-256 of what links it, once
    Column("code_until", Moment),
)

irc_trust = Table(
    "irc_trust",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("by", String(100), nullable=False),
    Column("at", Moment, nullable=False),
)

irc_repository = Table(  # whose commits a channel hears of, beside those of the settings
    "irc_repository",
    metadata,
    Column("channel", String(100), primary_key=True),
    Column("repository", String(201), primary_key=True),  # in lower case
    Column("name", String(201), nullable=False),  # as it was given
    Column("by", String(100), nullable=False),
    Column("at", Moment, nullable=False),
)

irc_ping = Table(  # who wants to be called by name when news is important; only they can ask for it
    "irc_ping",
    metadata,
    Column("account", String(100), primary_key=True),
    Column("nick", String(100), nullable=False),  # as it was then, for when nobody knows a newer one
    Column("at", Moment, nullable=False),
)

irc_notify = Table(  # what a target hears of, where it differs from the settings
    "irc_notify",
    metadata,
    Column("target", String(100), primary_key=True),  # a channel, or an account: told in a query
    Column("event", String(30), primary_key=True),
    Column("wanted", Boolean, nullable=False),
    Column("by", String(100), nullable=False),
    Column("at", Moment, nullable=False),
)

irc_mute = Table(
    "irc_mute",
    metadata,
    Column("channel", String(100), primary_key=True),
    Column("until", Moment, nullable=False),
    Column("by", String(100), nullable=False),
)

irc_watch = Table(  # somebody wants to be told when a build ends: that one, or the next of a job
    "irc_watch",
    metadata,
    identity(),
    Column("nick", String(100), nullable=False),
    Column("target", String(100), nullable=False),  # where it was asked: a channel or the nick
    Column("build_id", Identity),
    Column("job_id", Identity),
    Column("behind", Integer),  # of a job: the number of the newest build that had ended already
    Column("at", Moment, nullable=False),
    Index("ix_irc_watch_nick", "nick"),
)

irc_tell = Table(  # words for somebody who is not here
    "irc_tell",
    metadata,
    identity(),
    Column("nick", String(100), nullable=False),  # whom for
    Column("account", String(100)),  # the account that this nick was last seen with: then nobody else gets it
    Column("sender", String(100), nullable=False),
    Column("target", String(100), nullable=False),  # where it was left: a channel, or the sender's query
    Column("text", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_irc_tell_nick", "nick", "id"),
)

irc_seen = Table(  # when somebody last did something, never what they said
    "irc_seen",
    metadata,
    Column("nick", String(100), primary_key=True),
    Column("name", String(100), nullable=False),  # the nick as it is written
    Column("account", String(100)),
    Column("kind", String(10), nullable=False),  # said, joined, left, quit, kicked, renamed
    Column("channel", String(100)),
    Column("renamed", String(100)),  # what they are called since
    Column("at", Moment, nullable=False, index=True),
)

irc_opt_out = Table(  # of `irc_seen` and of the channel logs
    "irc_opt_out",
    metadata,
    Column("name", String(100), primary_key=True),  # an account; of somebody without one, the nick
    Column("at", Moment, nullable=False),
)

take = Table(  # somebody is mending a branch of a job; it ends when the branch is good again
    "take",
    metadata,
    Column("job_id", Identity, ForeignKey("job.id"), primary_key=True),
    Column("branch", Text, primary_key=True),  # or `PR#7`
    Column("by", String(100), nullable=False),  # a login at GitHub, or the name of a token
    Column("at", Moment, nullable=False),
)
