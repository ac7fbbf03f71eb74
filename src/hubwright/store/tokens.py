"""Tokens: who may do what. Only their SHA-256 is kept; they are 256 random bits, so no salt is needed."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from hubwright.store.schema import token

PREFIX = "hwt_"
"""What every token begins with, so that people and secret scanners know it."""

ROLES = ("read", "write", "admin", "builder")
"""What a token may be for; each of the first three may all that the ones before it may."""

LOGIN = "login"
SESSION = "session"


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A kept token, without its secret. In rows of kind `login` and `session`, `role` is what they grant."""

    id: int
    name: str
    role: str
    kind: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None


def keep_token(
    connection: Connection, secret: str, *, name: str, role: str, now: float, expires: float | None = None
) -> str:
    """Keep a token and return its text, which is shown once; `secret` is 256 random bits as text."""
    return _keep(connection, secret, name=name, role=role, created_at=now, expires_at=expires)


def keep_login(connection: Connection, secret: str, *, role: str, now: float, expires: float) -> str:
    """Keep a token that is good for one login as `role`; its text."""
    return _keep(connection, secret, name=role, role=LOGIN, created_at=now, expires_at=expires)


def keep_session(connection: Connection, secret: str, *, role: str, now: float, expires: float) -> str:
    """Keep a browser's session with the rights of `role`; its text, for the cookie."""
    return _keep(connection, secret, name=role, role=SESSION, created_at=now, expires_at=expires)


def find_token(connection: Connection, plaintext: str, now: float) -> Token | None:
    """The token of this text when it is known, not revoked and not expired; logins are never found."""
    query = select(*_COLUMNS).where(token.c.hash == hash_token(plaintext), token.c.role != LOGIN, _alive(now))
    row = connection.execute(query).one_or_none()
    return _token(row) if row is not None else None


def use_login(connection: Connection, plaintext: str, now: float) -> Token | None:
    """The login of this text, which is used up by that; None when it is unknown, used or too old."""
    statement = (
        update(token)
        .where(token.c.hash == hash_token(plaintext), token.c.role == LOGIN, _alive(now))
        .values(revoked_at=now)
        .returning(*_COLUMNS)
    )
    row = connection.execute(statement).one_or_none()
    return _token(row) if row is not None else None


def revoke_token(connection: Connection, token_id: int, now: float) -> bool:
    """Make a token useless from now on; whether it was of use until now."""
    statement = update(token).where(token.c.id == token_id, token.c.revoked_at.is_(None)).values(revoked_at=now)
    return connection.execute(statement).rowcount == 1


def load_tokens(connection: Connection, limit: int = 200) -> tuple[Token, ...]:
    """The newest tokens and sessions, used and expired ones too."""
    return tuple(_token(row) for row in connection.execute(select(*_COLUMNS).order_by(token.c.id.desc()).limit(limit)))


def hash_token(plaintext: str) -> str:
    """What is kept of a token's text."""
    return sha256(plaintext.encode("utf-8", "surrogateescape")).hexdigest()


_COLUMNS = [column for column in token.c if column.name != "hash"]


def _keep(connection: Connection, secret: str, **values: Any) -> str:
    plaintext = f"{PREFIX}{secret}"
    connection.execute(insert(token).values(hash=hash_token(plaintext), **values))
    return plaintext


def _alive(now: float) -> ColumnElement[bool]:
    return token.c.revoked_at.is_(None) & or_(token.c.expires_at.is_(None), token.c.expires_at > now)


def _token(row: Any) -> Token:
    granting = row.role in {LOGIN, SESSION}
    return Token(
        id=row.id,
        name=row.role if granting else row.name,
        role=row.name if granting else row.role,
        kind=row.role if granting else "token",
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
