"""Rows of what this hub is known by at GitHub: sealed, one for each name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.store.schema import github_credential


def load_credential(connection: Connection, name: str) -> Row[Any] | None:
    """What is kept under a name."""
    return connection.execute(select(github_credential).where(github_credential.c.name == name)).first()


def load_credentials(connection: Connection) -> list[Row[Any]]:
    """All that is kept; there are a few."""
    return list(connection.execute(select(github_credential).order_by(github_credential.c.name)))


def load_version(connection: Connection) -> tuple[int, float]:
    """Changes whenever a credential is kept or removed: how many there are, and when the newest was kept."""
    row = connection.execute(select(func.count(), func.max(github_credential.c.updated_at))).one()
    return row[0], row[1] or 0.0


def add_credential(connection: Connection, values: dict[str, Any]) -> bool:
    """Keep it unless there is one of that name; whether it was kept."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(github_credential).values(**values).on_conflict_do_nothing()
    return bool(connection.execute(statement.returning(github_credential.c.name)).first())


def keep_credential(connection: Connection, values: dict[str, Any]) -> None:
    """Keep it in place of the older one."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(github_credential).values(**values)
    new = {name: statement.excluded[name] for name in values if name != "name"}
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=new))


def reseal_credential(connection: Connection, name: str, before: str, key_id: str, sealed: str) -> None:
    """Put the same, sealed with another key, in place of what was sealed `before`, if it is still that."""
    where = (github_credential.c.name == name) & (github_credential.c.sealed == before)
    connection.execute(update(github_credential).where(where).values(key_id=key_id, sealed=sealed))


def remove_credential(connection: Connection, name: str) -> bool:
    """Forget it; whether there was one."""
    return connection.execute(delete(github_credential).where(github_credential.c.name == name)).rowcount == 1
