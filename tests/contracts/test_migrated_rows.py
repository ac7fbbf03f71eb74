"""Each migration leaves every row as it was, and what the release before writes is taken afterwards."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from any_rows import ROWS, fill
from hubwright.store.engines import read_document, write_document
from hubwright.store.revision import is_current
from hubwright.store.schema import metadata
from hubwright.store.upgrade import MIGRATIONS, alembic_settings, upgrade
from waiting import until

FIRST = "0004"
"""The last migration from before the first release; what it does to jobs has a test of its own."""

Columns = dict[str, set[str]]

_COLUMNS = {
    "sqlite": "SELECT m.name, c.name FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'",
    "postgresql": "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'",
}


@pytest.fixture(params=["new_sqlite_url", "new_postgres_url"])
def engine(request: pytest.FixtureRequest) -> sa.Engine:
    """An empty database of each kind."""
    documents = {"json_serializer": write_document, "json_deserializer": read_document}
    return sa.create_engine(request.getfixturevalue(request.param), poolclass=NullPool, **documents)


def migrate(engine: sa.Engine, revision: str) -> Columns:
    """Go to a migration; the tables and their columns as they are then."""
    found: Columns = {}
    with engine.begin() as connection:
        command.upgrade(alembic_settings(connection), revision)
        for table, column in connection.exec_driver_sql(_COLUMNS[engine.dialect.name]):
            if table in metadata.tables:
                found.setdefault(table, set()).add(column)
    return found


def rows_of(connection: sa.Connection, known: Columns) -> dict[str, list[Any]]:
    """Every row as the database gives it, with the columns that are known."""
    quote = connection.dialect.identifier_preparer.quote
    rows: dict[str, list[Any]] = {}
    for table, columns in known.items():
        names = ", ".join(quote(name) for name in sorted(columns))
        key = ", ".join(quote(column.name) for column in metadata.tables[table].primary_key.columns)
        rows[table] = connection.exec_driver_sql(f"SELECT {names} FROM {quote(table)} ORDER BY {key}").all()
    return rows


def write_as_before(connection: sa.Connection, known: Columns, start: int) -> None:
    """New rows, and changes of all there are, by who has never heard of what the migration has added."""
    fill(connection, metadata.sorted_tables, start=start, known=known)
    quote = connection.dialect.identifier_preparer.quote
    for table, columns in known.items():
        own = [one.name for one in metadata.tables[table].columns if one.name in columns and one.computed is None]
        told = ", ".join(f"{quote(name)} = {quote(name)}" for name in own)
        connection.exec_driver_sql(f"UPDATE {quote(table)} SET {told}")


def test_each_migration_is_survived_by_rows_and_by_the_release_before(engine: sa.Engine) -> None:
    """R18. At the end the program reads all that any release before has written, and writes beside it."""
    first, *steps = reversed([one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions(FIRST, "head")])
    known = migrate(engine, first)
    for number, revision in enumerate(steps):
        with engine.begin() as connection:
            fill(connection, metadata.sorted_tables, start=number * 10, known=known)
            before = rows_of(connection, known)
        grown = migrate(engine, revision)
        with engine.begin() as connection:
            assert rows_of(connection, known) == before, revision
            write_as_before(connection, known, number * 10 + 5)
        known = grown

    with engine.begin() as connection:
        fill(connection, metadata.sorted_tables, start=len(steps) * 10)
        for table in metadata.sorted_tables:
            assert known[table.name] == {column.name for column in table.columns}
            assert len(connection.execute(sa.select(table)).all()) >= ROWS, table.name


def test_a_long_question_holds_the_upgrade_up_and_nobody_else(
    new_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a table stands before all who come later: without a bound every hub would stand still behind it."""
    monkeypatch.setattr("hubwright.store.upgrade.PATIENCE", 0.3)
    engine = sa.create_engine(new_postgres_url, poolclass=NullPool)
    migrate(engine, "0015")
    upgrading = threading.Thread(target=upgrade, args=(new_postgres_url,))
    with engine.connect() as asker, engine.connect() as hub:
        asker.execute(sa.text("SELECT count(*) FROM run"))  # and its transaction stays open
        upgrading.start()
        for _ in range(3):  # tries, each of which gives up and leaves the table to others
            until(lambda: is_waited_for(hub), 20, "the upgrade to wait for the table")
            hub.execute(sa.text("UPDATE run SET lease = lease + 1"))
            hub.commit()
            until(lambda: not is_waited_for(hub), 20, "the upgrade to stand back")
        assert upgrading.is_alive()
    upgrading.join(30)
    assert is_current(new_postgres_url)


def is_waited_for(connection: sa.Connection) -> bool:
    """Whether somebody wants a table of this database and has to wait."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND database = :own"
    own = connection.execute(sa.text("SELECT oid FROM pg_database WHERE datname = current_database()")).scalar_one()
    found = bool(connection.execute(sa.text(waiting), {"own": own}).scalar_one())
    connection.rollback()
    return found
