"""Whose services account is whose login at GitHub. An account is linked by a code that only its owner was told."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.irc_names import fold_name
from hubwright.store.schema import irc_account

MOST = 1_000
"""Links that are told, at most."""


class Linked(NamedTuple):
    """An account and the login at GitHub (in lower case) that it belongs to."""

    account: str
    login: str
    at: float


def load_linked(connection: Connection) -> list[Linked]:
    """All links by account; those of the settings are not among them."""
    columns = (irc_account.c.account, irc_account.c.login, irc_account.c.linked_at)
    query = select(*columns).where(irc_account.c.login.is_not(None)).order_by(irc_account.c.account).limit(MOST)
    return [Linked(*row) for row in connection.execute(query)]


def load_login(connection: Connection, account: str) -> str | None:
    """The login of an account; None when it is not linked."""
    query = select(irc_account.c.login).where(irc_account.c.account == fold_name(account))
    login: str | None = connection.execute(query).scalar()
    return login


def load_accounts_of(connection: Connection, login: str) -> list[str]:
    """The accounts of a login."""
    query = select(irc_account.c.account).where(irc_account.c.login == login.lower()).order_by(irc_account.c.account)
    return list(connection.execute(query.limit(MOST)).scalars())


def keep_code(connection: Connection, account: str, code: str, until: float) -> None:
    """Whoever shows what `code` is the SHA-256 of, before then, is the account's owner; a code before it is void."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"code": code, "code_until": until}
    added = dialect.insert(irc_account).values(account=fold_name(account), **values)
    connection.execute(added.on_conflict_do_update(index_elements=[irc_account.c.account], set_=values))


def find_code(connection: Connection, code: str, now: float) -> str | None:
    """The account that a code, which is still good, was told to."""
    query = select(irc_account.c.account).where(irc_account.c.code == code, irc_account.c.code_until > now)
    account: str | None = connection.execute(query).scalar()
    return account


def keep_link(connection: Connection, account: str, login: str, now: float) -> None:
    """The account belongs to this login from now on; its code is used up."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"login": login.lower(), "linked_at": now, "code": None, "code_until": None}
    added = dialect.insert(irc_account).values(account=fold_name(account), **values)
    connection.execute(added.on_conflict_do_update(index_elements=[irc_account.c.account], set_=values))


def drop_link(connection: Connection, account: str) -> bool:
    """The account is nobody's; False when it was not linked."""
    unlinked = update(irc_account).where(irc_account.c.account == fold_name(account), irc_account.c.login.is_not(None))
    return connection.execute(unlinked.values(login=None, linked_at=None)).rowcount == 1


def drop_old_codes(connection: Connection, now: float) -> None:
    """Forget codes that nobody used."""
    unused = (irc_account.c.login.is_(None), irc_account.c.code_until < now)
    connection.execute(delete(irc_account).where(*unused))
