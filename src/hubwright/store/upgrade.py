"""Bring a database's tables up to this release. Migrations only add, so a running older hub is not disturbed."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from hubwright.errors import HubwrightError
from hubwright.store.revision import is_ready, load_revision

MIGRATIONS = Path(__file__).parent / "migrations"

LOCK = 6_874_115_210
"""PostgreSQL's advisory lock that upgrades take, so that two hubs started at once don't both upgrade."""

PATIENCE = 2.0
"""Seconds that an upgrade waits for a table of PostgreSQL. All others who want the table wait behind it meanwhile."""

TRIES = 60
"""How often it is tried; between two tries, for as long, it is in nobody's way."""


class MigrationError(HubwrightError):
    """The tables could not be upgraded; the database is as it was before."""


def upgrade(database_url: str) -> None:
    """Apply what is missing, in one transaction; nothing missing is no error. Several may upgrade at once.

    On PostgreSQL a question that takes long holds an upgrade up, not the hubs. Raises MigrationError.
    """
    engine = create_engine(database_url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    for left in reversed(range(TRIES)):
        try:
            _upgrade(engine)
            break
        except OperationalError as error:
            if not isinstance(error.orig, (LockNotAvailable, DeadlockDetected)):
                raise
            if not left:
                raise MigrationError(
                    "somebody has held a table of the database for minutes: try again later"
                ) from error
        time.sleep(PATIENCE)


def _upgrade(engine: Engine) -> None:
    on_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        if not on_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE:g}s'"))
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
