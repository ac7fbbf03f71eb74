"""Which migration the tables of this release need, known without Alembic: `up` must start in a moment."""

from __future__ import annotations

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.pool import NullPool

HEAD = "0017"
"""The newest migration in `migrations/versions`."""


def load_revision(connection: Connection) -> str | None:
    """The database's migration; None when it has none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def is_ready(revision: str | None) -> bool:
    """Whether tables of this migration serve this release. Newer ones do: migrations only add."""
    return revision is not None and revision >= HEAD


def is_current(database_url: str) -> bool:
    """Whether the database's tables serve this release. Raises SQLAlchemy's OperationalError when it is away."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        return is_ready(load_revision(connection))
