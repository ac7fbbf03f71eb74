"""Rows of answers that GitHub gave before, and of the tokens that it gave to an App."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.store.schema import github_answer, github_token

BATCH = 200
"""Answers that are removed in one go."""


def load_answer(connection: Connection, key: str) -> Row[Any] | None:
    """The answer kept under a key."""
    return connection.execute(select(github_answer).where(github_answer.c.key == key)).first()


def keep_answer(connection: Connection, values: dict[str, Any]) -> None:
    """Keep an answer in place of the one under the same key; `values` are its columns."""
    _put(connection, github_answer, "key", values)


def touch_answer(connection: Connection, key: str, now: float) -> None:
    """An answer was used."""
    connection.execute(update(github_answer).where(github_answer.c.key == key).values(used_at=now))


def trim_answers(connection: Connection, most: int) -> int:
    """Remove the longest unused answers until at most `most` bytes are kept; the bytes kept then."""
    total = int(connection.execute(select(func.coalesce(func.sum(github_answer.c.size), 0))).scalar_one())
    while total > most:
        oldest = select(github_answer.c.key, github_answer.c.size).order_by(github_answer.c.used_at).limit(BATCH)
        gone = []
        for key, size in connection.execute(oldest):
            if total <= most:
                break
            gone.append(key)
            total -= size
        if not gone:
            break
        connection.execute(delete(github_answer).where(github_answer.c.key.in_(gone)))
    return total


def load_token(connection: Connection, name: str) -> Row[Any] | None:
    """The sealed token of an installation."""
    return connection.execute(select(github_token).where(github_token.c.name == name)).first()


def keep_token(connection: Connection, values: dict[str, Any], now: float) -> None:
    """Keep a sealed token in place of the older one; those that have ended go."""
    connection.execute(delete(github_token).where(github_token.c.expires_at < now))
    _put(connection, github_token, "name", values)


def remove_token(connection: Connection, name: str) -> None:
    """Forget a token that GitHub no longer takes."""
    connection.execute(delete(github_token).where(github_token.c.name == name))


def _put(connection: Connection, table: Table, key: str, values: dict[str, Any]) -> None:
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values)
    new = {name: statement.excluded[name] for name in values if name != key}
    connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=new))
