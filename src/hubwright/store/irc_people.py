"""Whom the bot has seen and when, never what they said; who does not want that; and words left for somebody."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.irc_names import fold_name
from hubwright.store.moments import moment
from hubwright.store.schema import irc_opt_out, irc_seen, irc_tell

MAX_TELLS, MAX_ALL_TELLS = 10, 2_000
"""Words that wait for one person, and for everybody, at most."""

PORTION = 500
"""Old rows that go in one transaction."""


class Seen(NamedTuple):
    """What somebody did last: said, joined, left, quit, kicked or renamed (then `renamed` is their new nick)."""

    name: str
    account: str | None
    kind: str
    channel: str | None
    renamed: str | None
    at: float


class Words(NamedTuple):
    """Something left for somebody, by `sender`; `target` is where it was left."""

    id: int
    sender: str
    target: str
    text: str
    at: float


def keep_seen(connection: Connection, seen: Seen) -> None:
    """Remember the newest of a nick."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(irc_seen).values(nick=fold_name(seen.name), **seen._asdict())
    newer = added.excluded.at >= irc_seen.c.at
    set_ = {name: added.excluded[name] for name in seen._fields}
    connection.execute(added.on_conflict_do_update(index_elements=[irc_seen.c.nick], set_=set_, where=newer))


def load_seen(connection: Connection, nick: str) -> Seen | None:
    """What a nick did last; None when nothing is known of it."""
    columns = [irc_seen.c[name] for name in Seen._fields]
    row = connection.execute(select(*columns).where(irc_seen.c.nick == fold_name(nick))).first()
    return None if row is None else Seen(*row)


def opts_out(connection: Connection, nick: str, account: str | None) -> bool:
    """Whether this person wants to be neither remembered nor logged. Who has an account is known by it alone."""
    name = fold_name(nick if account is None else account)
    return connection.execute(select(irc_opt_out.c.name).where(irc_opt_out.c.name == name)).first() is not None


def load_opt_outs(connection: Connection) -> frozenset[str]:
    """The folded names of all who opted out: accounts, and nicks of people without one."""
    return frozenset(connection.execute(select(irc_opt_out.c.name)).scalars())


def keep_opt_out(connection: Connection, nick: str, account: str | None, now: float) -> None:
    """Remember no more of them, and forget what is remembered."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    name = fold_name(nick if account is None else account)
    connection.execute(dialect.insert(irc_opt_out).values(name=name, at=now).on_conflict_do_nothing())
    connection.execute(delete(irc_seen).where(irc_seen.c.nick == fold_name(nick)))


def drop_opt_out(connection: Connection, nick: str, account: str | None) -> bool:
    """They may be remembered again; False when they were."""
    name = fold_name(nick if account is None else account)
    return connection.execute(delete(irc_opt_out).where(irc_opt_out.c.name == name)).rowcount == 1


def keep_tell(connection: Connection, nick: str, words: dict[str, Any]) -> bool:
    """Leave words (account, sender, target, text, at) for a nick; False when too many wait already."""
    own = select(func.count()).where(irc_tell.c.nick == fold_name(nick))
    everything = select(func.count()).select_from(irc_tell)
    if (
        connection.execute(own).scalar_one() >= MAX_TELLS
        or connection.execute(everything).scalar_one() >= MAX_ALL_TELLS
    ):
        return False
    connection.execute(irc_tell.insert().values(nick=fold_name(nick), **words))
    return True


def load_addressees(connection: Connection, nicks: Collection[str]) -> frozenset[str]:
    """Those of these folded nicks for whom something was left."""
    query = select(irc_tell.c.nick).where(irc_tell.c.nick.in_(nicks)).distinct()
    return frozenset(connection.execute(query).scalars()) if nicks else frozenset()


def take_tells(connection: Connection, nick: str, account: str | None) -> list[Words]:
    """What was left for a nick, oldest first; it is gone then. What is meant for an account, only that one gets."""
    query = select(irc_tell).where(irc_tell.c.nick == fold_name(nick)).order_by(irc_tell.c.id).limit(MAX_TELLS)
    own = None if account is None else fold_name(account)
    rows = [row for row in connection.execute(query) if row.account in {None, own}]
    connection.execute(delete(irc_tell).where(irc_tell.c.id.in_([row.id for row in rows])))
    return [Words(row.id, row.sender, row.target, row.text, row.at) for row in rows]


class OldPeople(NamedTuple):
    """Nicks that nobody saw for long, and words that nobody fetched."""

    nicks: Sequence[str]
    words: Sequence[int]


def load_old_people(connection: Connection, before: float) -> OldPeople:
    """What is older than that moment, a portion at most."""
    nicks = select(irc_seen.c.nick).where(irc_seen.c.at < moment(before)).limit(PORTION)
    oldest = select(irc_tell.c.id, irc_tell.c.at).order_by(irc_tell.c.id).limit(PORTION)
    words = [row.id for row in connection.execute(oldest) if row.at < before]
    return OldPeople(connection.execute(nicks).scalars().all(), words)


def drop_old_people(connection: Connection, old: OldPeople) -> None:
    """Forget these."""
    connection.execute(delete(irc_seen).where(irc_seen.c.nick.in_(old.nicks)))
    connection.execute(delete(irc_tell).where(irc_tell.c.id.in_(old.words)))
