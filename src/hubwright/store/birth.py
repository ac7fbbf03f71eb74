"""The tables of an empty SQLite database, made at once: the first start need not wait for Alembic.

A test holds them to what the migrations make.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.pool import NullPool

from hubwright.store.revision import HEAD
from hubwright.store.schema import metadata


def create_tables(database_url: str) -> bool:
    """Make every table in one transaction; whether the database was SQLite's and empty, so that this could be done."""
    engine = create_engine(database_url, poolclass=NullPool)
    if engine.dialect.name != "sqlite":
        return False
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        if inspect(connection).get_table_names():
            return False
        metadata.create_all(connection, checkfirst=False)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
    return True


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: a crash leaves all tables or none
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA journal_mode=WAL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
