"""Bring a database's tables up to this release. Migrations only add, so a running older hub is not disturbed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from hubwright.errors import HubwrightError
from hubwright.store.revision import is_ready, load_revision

MIGRATIONS = Path(__file__).parent / "migrations"

LOCK = 6_874_115_210
"""PostgreSQL's advisory lock that upgrades take, so that two hubs started at once don't both upgrade."""


class MigrationError(HubwrightError):
    """The tables could not be upgraded; the database is as it was before."""


def upgrade(database_url: str) -> None:
    """Apply what is missing, in one transaction; nothing missing is no error. Several may upgrade at once."""
    engine = create_engine(database_url, poolclass=NullPool)
    on_sqlite = engine.dialect.name == "sqlite"
    if on_sqlite:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        if not on_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if is_ready(load_revision(connection)):
            return
        command.upgrade(alembic_settings(connection), "head")
        if on_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
            raise MigrationError(f"a row of {broken[0]} would refer to nothing after the upgrade; nothing was changed")


def alembic_settings(connection: Connection) -> Config:
    """What Alembic needs to know to work on an open connection, in the caller's transaction."""
    settings = Config(attributes={"connection": connection})
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return settings


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    """Foreign keys stay off: a migration may rebuild a table; they are checked before the commit."""
    connection.isolation_level = None  # we say BEGIN ourselves, so that the whole upgrade is one transaction
    connection.execute("PRAGMA busy_timeout=30000")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
