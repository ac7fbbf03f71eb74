"""Rows of secrets; their values are sealed before they come here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.errors import ParameterError
from hubwright.store.reach import below
from hubwright.store.schema import secret
from hubwright.store.views import bounded
from hubwright.store.views_values import Page

_OF_JOB = select(secret).where(
    secret.c.scope.in_(bindparam("scopes", expanding=True)), secret.c.name.in_(bindparam("names", expanding=True))
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretView:
    """A secret without its value. `scope` is a folder's or job's path, "" for all jobs."""

    scope: str
    name: str
    key_id: str
    created_at: float
    created_by: str
    updated_at: float
    updated_by: str


def keep_secret(connection: Connection, place: tuple[str, str], sealed: tuple[str, str], by: str, now: float) -> bool:
    """Set the secret at (scope, name) to (key id, sealed value); whether it is new."""
    scope, name = place
    values = {"key_id": sealed[0], "sealed": sealed[1], "updated_at": now, "updated_by": by[:100]}
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    add = dialect.insert(secret).values(scope=scope, name=name, created_at=now, created_by=by[:100], **values)
    if connection.execute(add.on_conflict_do_nothing().returning(secret.c.id)).first() is not None:
        return True
    connection.execute(update(secret).where(secret.c.scope == scope, secret.c.name == name).values(**values))
    return False


def remove_secret(connection: Connection, scope: str, name: str) -> bool:
    """Delete a secret; whether there was one."""
    return connection.execute(delete(secret).where(secret.c.scope == scope, secret.c.name == name)).rowcount == 1


def load_of_job(connection: Connection, scopes: Sequence[str], names: Sequence[str]) -> list[Row[Any]]:
    """The rows of these names in these scopes."""
    return list(connection.execute(_OF_JOB, {"scopes": list(scopes), "names": list(names)}))


def load_secrets(
    connection: Connection,
    scopes: Sequence[str] | None = None,
    limit: int = 200,
    cursor: str | None = None,
    folders: Sequence[str] | None = None,
) -> Page[SecretView]:
    """The secrets of these scopes, or all, by scope and name; `folders`: of these and what lies below them only.

    Raises ParameterError for what is no cursor.
    """
    limit = bounded(limit)
    columns = [column for column in secret.c if column.name not in {"id", "sealed"}]
    query = select(*columns).order_by(secret.c.scope, secret.c.name).limit(limit + 1)
    if scopes is not None:
        query = query.where(secret.c.scope.in_(scopes))
    if folders is not None:
        query = query.where(or_(secret.c.scope.in_(folders), below(secret.c.scope, folders)))
    if cursor is not None:
        name, colon, scope = cursor.partition(":")
        if not colon:
            raise ParameterError("The cursor is not the `next` of a page of secrets.", "cursor")
        query = query.where(tuple_(secret.c.scope, secret.c.name) > tuple_(scope, name))
    views = tuple(SecretView(**row) for row in connection.execute(query).mappings())
    last = views[limit - 1 : limit]
    return Page(views[:limit], f"{last[0].name}:{last[0].scope}" if len(views) > limit else None)


def load_key_ids(connection: Connection) -> dict[str, int]:
    """The keys in use, and how many secrets each seals."""
    query = select(secret.c.key_id, func.count()).group_by(secret.c.key_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def load_older(connection: Connection, key_id: str, after: int, limit: int) -> list[Row[Any]]:
    """Secrets that another key seals, from a number on, locked where the database can."""
    query = select(secret).where(secret.c.key_id != key_id, secret.c.id > after).order_by(secret.c.id).limit(limit)
    return list(connection.execute(query.with_for_update()))


def reseal_secret(connection: Connection, number: int, key_id: str, sealed: str) -> None:
    """Replace the seal of an unchanged secret."""
    connection.execute(update(secret).where(secret.c.id == number).values(key_id=key_id, sealed=sealed))
