"""Tokens: who may do what. Only their SHA-256 is kept; they are 256 random bits, so no salt is needed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, insert, or_, select, update

from hubwright.store.moments import moment
from hubwright.store.schema import token
from hubwright.store.views_values import Page

PREFIX = "hwt_"
"""What every token begins with, so that people and secret scanners know it."""

BUILDER, JOIN, SQL = "builder", "join", "sql"
ROLES = ("read", "write", "admin", BUILDER, JOIN, SQL)
"""What a token may be for; each of the first three may all that the ones before it may.

`builder` is for builders only; with `join` one machine becomes a builder, once; `sql` asks the database, and no more.
"""

JOIN_SECONDS = 3600.0
"""How long a join token is good when nothing else is said."""

FOLDED = ("read", "write")
"""Roles of tokens that may be bounded to folders."""

USED_EVERY = 60.0
"""Seconds that pass before another use of a token is written down."""

LOGIN = "login"
SESSION = "session"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A kept token, without its secret. In rows of kind `login` and `session`, `role` is what they grant.

    `builder` is the one name that it is for, None for any; `bounds` what its builder may say of itself. `user_id` and
    `user_login` are of who logged in with GitHub. `folders`: it sees only what lies below them, None for everything.
    `used_at` is right to a minute. `parent_id` is the token that a session was opened with; it ends with that.
    """

    id: int
    name: str
    role: str
    kind: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    builder: str | None = None
    bounds: Mapping[str, Any] | None = None
    user_id: int | None = None
    user_login: str | None = None
    folders: tuple[str, ...] | None = None
    used_at: float | None = None
    parent_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What a builder may say of itself; None leaves it open. Its labels are these, whatever it says."""

    name: str | None = None
    platform: str | None = None
    labels: tuple[str, ...] | None = None

    def document(self) -> dict[str, object] | None:
        """As it is kept; None for no bounds."""
        kept: dict[str, object] = {} if self.labels is None else {"labels": list(self.labels)}
        kept |= {key: value for key, value in (("name", self.name), ("platform", self.platform)) if value is not None}
        return kept or None


def keep_token(
    connection: Connection,
    secret: str,
    *,
    name: str,
    role: str,
    now: float,
    expires: float | None = None,
    folders: Sequence[str] | None = None,
) -> str:
    """Keep a token and return its text, which is shown once; `secret` is 256 random bits as text."""
    within = {} if folders is None else {"folders": list(folders)}
    return _keep(connection, secret, name=name, role=role, created_at=now, expires_at=expires, **within)


def keep_join(connection: Connection, secret: str, *, bounds: Bounds, now: float, expires: float | None) -> str:
    """Keep a token with which one builder may join, once, within these bounds; its text."""
    until = now + JOIN_SECONDS if expires is None else expires
    name = bounds.name or JOIN
    kept = bounds.document()
    return _keep(connection, secret, name=name, role=JOIN, created_at=now, expires_at=until, bounds=kept)


def join_line(public_url: str, text: str) -> str:
    """The one line that makes a machine a builder of the hub at this address."""
    return shlex.join(["hubwright", "builder", "--hub", public_url, "--join", text])


def use_join(connection: Connection, plaintext: str, now: float) -> Token | None:
    """The join token of this text, which is used up by that; None when it is unknown, used or too old."""
    return _use(connection, plaintext, JOIN, now)


def keep_builder(connection: Connection, secret: str, name: str, bounds: Mapping[str, Any] | None, now: float) -> str:
    """Keep the own token of the builder `name`; its text. Raises IntegrityError when the name has one that lives."""
    kept = None if bounds is None else dict(bounds)
    return _keep(connection, secret, name=name, role=BUILDER, created_at=now, builder=name, bounds=kept)


def has_own_token(connection: Connection, name: str, now: float) -> bool:
    """Whether a living token is for the builder of this name."""
    query = select(token.c.id).where(token.c.builder == name, _alive(now))
    return connection.execute(query).first() is not None


def keep_login(connection: Connection, secret: str, *, role: str, now: float, expires: float) -> str:
    """Keep a token that is good for one login as `role`; its text."""
    return _keep(connection, secret, name=role, role=LOGIN, created_at=now, expires_at=expires)


def keep_session(
    connection: Connection,
    secret: str,
    *,
    role: str,
    now: float,
    expires: float,
    user: tuple[int, str] | None = None,
    parent: tuple[int, Sequence[str] | None] | None = None,
) -> str:
    """Keep a browser's session with the rights of `role`; its text, for the cookie. `user`: number and name.

    `parent`: the token that opened it, and its folders; the session ends when that token does.
    """
    who: dict[str, Any] = {} if user is None else {"user_id": user[0], "user_login": user[1][:100]}
    if parent is not None:
        who |= {"parent_id": parent[0]} | ({} if parent[1] is None else {"folders": list(parent[1])})
    return _keep(connection, secret, name=role, role=SESSION, created_at=now, expires_at=expires, **who)


def find_token(connection: Connection, plaintext: str, now: float) -> Token | None:
    """The token of this text when it is known, not revoked and not expired; those for one use are never found."""
    once = (LOGIN, JOIN)
    query = (
        select(*_COLUMNS, _parent.c.name.label("parent_name"))
        .outerjoin(_parent, _parent.c.id == token.c.parent_id)
        .where(token.c.hash == hash_token(plaintext), token.c.role.not_in(once), _alive(now))
        .where(or_(token.c.parent_id.is_(None), _parent.c.id.is_not(None) & _alive(now, _parent)))
    )
    row = connection.execute(query).one_or_none()
    return _token(row, row.parent_name) if row is not None else None


def note_uses(connection: Connection, uses: list[tuple[int, float]]) -> list[None]:
    """Write down that these tokens were used at these moments; see `USED_EVERY`."""
    for token_id, now in dict(uses).items():
        old = or_(token.c.used_at.is_(None), token.c.used_at <= moment(now - USED_EVERY))
        connection.execute(update(token).where(token.c.id == token_id, old).values(used_at=now))
    return [None] * len(uses)


def use_login(connection: Connection, plaintext: str, now: float) -> Token | None:
    """The login of this text, which is used up by that; None when it is unknown, used or too old."""
    return _use(connection, plaintext, LOGIN, now)


def _use(connection: Connection, plaintext: str, role: str, now: float) -> Token | None:
    """One statement: of many that come at once with one token, one gets it."""
    statement = (
        update(token)
        .where(token.c.hash == hash_token(plaintext), token.c.role == role, _alive(now))
        .values(revoked_at=now)
        .returning(*_COLUMNS)
    )
    row = connection.execute(statement).one_or_none()
    return _token(row) if row is not None else None


def revoke_token(connection: Connection, token_id: int, now: float) -> bool:
    """Make a token useless from now on; whether it was of use until now."""
    statement = update(token).where(token.c.id == token_id, token.c.revoked_at.is_(None)).values(revoked_at=now)
    return connection.execute(statement).rowcount == 1


def load_token(connection: Connection, token_id: int) -> Token | None:
    """The token or session of this number, whatever became of it."""
    row = connection.execute(select(*_COLUMNS).where(token.c.id == token_id)).one_or_none()
    return _token(row) if row is not None else None


def load_token_page(
    connection: Connection, limit: int, cursor: int | None, *, sessions: bool, of: Token | None = None
) -> Page[Token]:
    """The tokens, or the sessions, newest first. `of`: only sessions of the same person, or of the same token."""
    query = select(*_COLUMNS).where((token.c.role == SESSION) if sessions else token.c.role.not_in((LOGIN, SESSION)))
    if of is not None:
        query = query.where(_same_holder(of))
    if cursor is not None:
        query = query.where(token.c.id < cursor)
    limit = max(1, min(limit, 200))
    found = [_token(row) for row in connection.execute(query.order_by(token.c.id.desc()).limit(limit + 1))]
    return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)


def load_tokens(connection: Connection, limit: int = 200) -> tuple[Token, ...]:
    """The newest tokens and sessions, used and expired ones too."""
    return tuple(_token(row) for row in connection.execute(select(*_COLUMNS).order_by(token.c.id.desc()).limit(limit)))


def hash_token(plaintext: str) -> str:
    """What is kept of a token's text."""
    return sha256(plaintext.encode("utf-8", "surrogateescape")).hexdigest()


_COLUMNS = [column for column in token.c if column.name != "hash"]
_parent = token.alias("parent")


def _keep(connection: Connection, secret: str, **values: Any) -> str:
    plaintext = f"{PREFIX}{secret}"
    connection.execute(insert(token).values(hash=hash_token(plaintext), **values))
    return plaintext


def _alive(now: float, of: FromClause = token) -> ColumnElement[bool]:
    return of.c.revoked_at.is_(None) & or_(of.c.expires_at.is_(None), of.c.expires_at > now)


def _same_holder(of: Token) -> ColumnElement[bool]:
    if of.user_id is not None:
        return token.c.user_id == of.user_id
    opened_with = of.parent_id if of.kind == SESSION else of.id
    return token.c.id == of.id if opened_with is None else token.c.parent_id == opened_with


def _token(row: Any, parent: str | None = None) -> Token:
    granting = row.role in {LOGIN, SESSION}
    return Token(
        id=row.id,
        name=(parent or row.role) if granting else row.name,
        role=row.name if granting else row.role,
        kind=row.role if granting else "token",
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        builder=row.builder,
        bounds=row.bounds,
        user_id=row.user_id,
        user_login=row.user_login,
        folders=None if row.folders is None else tuple(row.folders),
        used_at=row.used_at,
        parent_id=row.parent_id,
    )
