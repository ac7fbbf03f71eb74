"""What channels and people on IRC have asked the bot for. Names are folded here (`domain.irc_names`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.irc_names import fold_name
from hubwright.store.schema import irc_mute, irc_notify, irc_ping, irc_repository, irc_trust

MOST = 1_000
"""Rows of one kind that are told, at most."""


class Trusted(NamedTuple):
    """An account that may change what the bot does for a channel, and who said so."""

    account: str
    by: str
    at: float


def load_trusted(connection: Connection) -> list[Trusted]:
    """All trusted accounts by name; those of the settings are not among them."""
    columns = (irc_trust.c.account, irc_trust.c.by, irc_trust.c.at)
    return [Trusted(*row) for row in connection.execute(select(*columns).order_by(irc_trust.c.account).limit(MOST))]


def is_trusted(connection: Connection, account: str) -> bool:
    """Whether somebody said `!addtrust` of it."""
    found = select(irc_trust.c.account).where(irc_trust.c.account == fold_name(account))
    return connection.execute(found).first() is not None


def keep_trust(connection: Connection, account: str, by: str, now: float) -> bool:
    """Trust the account; False when it is trusted already."""
    return _add(connection, irc_trust, {"account": fold_name(account), "by": by, "at": now})


def drop_trust(connection: Connection, account: str) -> bool:
    """Trust it no longer; False when it was not."""
    return connection.execute(delete(irc_trust).where(irc_trust.c.account == fold_name(account))).rowcount == 1


def load_repositories(connection: Connection, channel: str | None = None) -> list[tuple[str, str]]:
    """Channel and repository of what is announced where, by name; `channel`: of this one only."""
    query = select(irc_repository.c.channel, irc_repository.c.name)
    if channel is not None:
        query = query.where(irc_repository.c.channel == fold_name(channel))
    ordered = query.order_by(irc_repository.c.channel, irc_repository.c.repository).limit(MOST)
    return [(row.channel, row.name) for row in connection.execute(ordered)]


def keep_repository(connection: Connection, channel: str, repository: str, by: str, now: float) -> bool:
    """Announce a repository's commits in a channel; False when they are already."""
    key = {"channel": fold_name(channel), "repository": repository.lower()}
    return _add(connection, irc_repository, {**key, "name": repository, "by": by, "at": now})


def drop_repository(connection: Connection, channel: str, repository: str) -> bool:
    """Announce it there no longer; False when it was not."""
    place = (irc_repository.c.channel == fold_name(channel), irc_repository.c.repository == repository.lower())
    return connection.execute(delete(irc_repository).where(*place)).rowcount == 1


def load_pings(connection: Connection) -> dict[str, str]:
    """Who wants to be called when news is important: the nick that each account had when it asked."""
    rows = connection.execute(select(irc_ping.c.account, irc_ping.c.nick).order_by(irc_ping.c.account).limit(MOST))
    return {row.account: row.nick for row in rows}


def keep_ping(connection: Connection, account: str, nick: str, now: float) -> bool:
    """Call this account; whether that is new."""
    new = drop_ping(connection, account) is False
    _add(connection, irc_ping, {"account": fold_name(account), "nick": nick, "at": now})
    return new


def drop_ping(connection: Connection, account: str) -> bool:
    """Call it no longer; False when it never asked."""
    return connection.execute(delete(irc_ping).where(irc_ping.c.account == fold_name(account))).rowcount == 1


def load_notify(connection: Connection) -> dict[str, dict[str, bool]]:
    """Target → event → whether it is wanted there, where somebody said so; targets are channels or accounts."""
    found: dict[str, dict[str, bool]] = {}
    query = select(irc_notify.c.target, irc_notify.c.event, irc_notify.c.wanted)
    for row in connection.execute(query.order_by(irc_notify.c.target, irc_notify.c.event).limit(MOST)):
        found.setdefault(row.target, {})[row.event] = row.wanted
    return found


def keep_notify(connection: Connection, target: str, wishes: Mapping[str, bool], by: str, now: float) -> None:
    """Set whether these events are wanted by a channel or an account."""
    for event, wanted in wishes.items():
        place = (irc_notify.c.target == fold_name(target), irc_notify.c.event == event)
        connection.execute(delete(irc_notify).where(*place))
        row = {"target": fold_name(target), "event": event, "wanted": wanted, "by": by, "at": now}
        _add(connection, irc_notify, row)


def load_mutes(connection: Connection, now: float) -> dict[str, float]:
    """The channels that want to hear nothing unasked, and until when (Unix seconds)."""
    query = select(irc_mute.c.channel, irc_mute.c.until).where(irc_mute.c.until > now)
    return {row.channel: row.until for row in connection.execute(query.limit(MOST))}


def keep_mute(connection: Connection, channel: str, until: float, by: str) -> None:
    """Announce nothing in a channel until then."""
    drop_mute(connection, channel)
    _add(connection, irc_mute, {"channel": fold_name(channel), "until": until, "by": by})


def drop_mute(connection: Connection, channel: str) -> bool:
    """Announce again; False when the channel was not muted."""
    return connection.execute(delete(irc_mute).where(irc_mute.c.channel == fold_name(channel))).rowcount == 1


def _add(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Whether the row is new."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(table).values(**row).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(added).first() is not None
