"""Each migration leaves every row as it was, and a hub of the release before works on: expand, migrate, contract."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from any_rows import fill
from hubwright.store.engines import read_document, write_document
from hubwright.store.revision import HEAD
from hubwright.store.schema import metadata
from hubwright.store.upgrade import MIGRATIONS, alembic_settings
from schema_breaks import find_breaks

CONTRACTED: dict[str, tuple[str, ...]] = {
    "0003": ("gh_branch", "gh_commit", "gh_pull_request", "gh_repository"),
}
"""Tables (and `table.column`s) that a migration takes away, when no program that may still run knows them.

Those of 0003 were made anew before the first release; 0004, which moves jobs, has a test of its own.
"""

WALKS = [("0001", "0003"), ("0004", HEAD)]


@pytest.fixture(params=["new_sqlite_url", "new_postgres_url"])
def engine(request: pytest.FixtureRequest) -> sa.Engine:
    """An empty database of each kind."""
    documents = {"json_serializer": write_document, "json_deserializer": read_document}
    return sa.create_engine(request.getfixturevalue(request.param), poolclass=NullPool, **documents)


def follow(first: str, last: str) -> Iterator[str]:
    """The migrations from one to another, in order."""
    return reversed([one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions(first, last)])


def migrate(engine: sa.Engine, revision: str) -> sa.MetaData:
    """Go to a migration, and tell what the tables are then."""
    with engine.begin() as connection:
        command.upgrade(alembic_settings(connection), revision)
    return look(engine)


def look(engine: sa.Engine) -> sa.MetaData:
    tables = sa.MetaData()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*expression-based index.*")
        tables.reflect(engine)
    tables.remove(tables.tables["alembic_version"])
    return tables


def rows_of(connection: sa.Connection, tables: sa.MetaData, gone: tuple[str, ...]) -> dict[str, list[Any]]:
    """Every row of these tables, with the columns that they have."""
    return {
        table.name: list(connection.execute(sa.select(table).order_by(*table.primary_key.columns)))
        for table in tables.sorted_tables
        if table.name not in gone
    }


@pytest.mark.parametrize(("first", "last"), WALKS)
def test_each_migration_is_survived_by_rows_and_by_the_release_before(first: str, last: str, engine: sa.Engine) -> None:
    """After each: rows of before are as they were, and statements that know only the columns of before still work."""
    steps = follow(first, last)
    tables = migrate(engine, next(steps))
    for number, revision in enumerate(steps):
        gone = CONTRACTED.get(revision, ())
        with engine.begin() as connection:
            fill(connection, tables.sorted_tables, start=number * 10)
            before = rows_of(connection, tables, gone)
        grown = migrate(engine, revision)
        assert [one for one in find_breaks(tables, grown) if one.split()[0] not in gone] == [], revision
        with engine.begin() as connection:
            assert rows_of(connection, tables, gone) == before, revision
            write_as_before(connection, [table for table in tables.sorted_tables if table.name not in gone], number)
        tables = grown


def write_as_before(connection: sa.Connection, tables: list[sa.Table], number: int) -> None:
    """New rows, and changes of all there are, by who has never heard of what the migration has added."""
    fill(connection, tables, start=number * 10 + 5)
    for table in tables:
        own = [column for column in table.columns if column.computed is None and not column.primary_key]
        if own:
            connection.execute(sa.update(table).values({column.name: column for column in own}))


def test_the_program_reads_what_the_release_before_has_written(engine: sa.Engine) -> None:
    """Its rows lack what came since: where a column was added, a default or nothing stands there."""
    *_, former, newest = follow("0004", HEAD)
    tables = migrate(engine, former)
    migrate(engine, newest)
    with engine.begin() as connection:
        fill(connection, tables.sorted_tables)
        fill(connection, metadata.sorted_tables, start=20)
        for table in metadata.sorted_tables:
            rows = connection.execute(sa.select(table)).all()
            assert len(rows) == (6 if table.name in tables.tables else 3), table.name


ONE = "CREATE TABLE one (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, note VARCHAR(20), size BIGINT)"
BREAKS = {
    "DROP TABLE one": ["one is gone"],
    "ALTER TABLE one DROP COLUMN note": ["one.note is gone"],
    "ALTER TABLE one RENAME COLUMN note TO remark": ["one.note is gone"],
    "ALTER TABLE one ADD COLUMN kind VARCHAR(5) NOT NULL": ["one.kind must be given"],
    "ALTER TABLE one ALTER COLUMN note SET NOT NULL": ["one.note must be given"],
    "ALTER TABLE one ALTER COLUMN note TYPE VARCHAR(10)": ["one.note is VARCHAR(length=10) and was VARCHAR(length=20)"],
    "ALTER TABLE one ALTER COLUMN size TYPE INTEGER": ["one.size is INTEGER() and was BIGINT()"],
    "CREATE UNIQUE INDEX one_name ON one (name)": ["one has a new rule: unique over name"],
    "ALTER TABLE one ADD CHECK (size > 0)": ["one has a new rule: CheckConstraint over size"],
    "ALTER TABLE one ADD COLUMN kind VARCHAR(5) NOT NULL DEFAULT ''": [],
    "ALTER TABLE one ADD COLUMN kind VARCHAR(5) UNIQUE": [],
    "ALTER TABLE one ALTER COLUMN note TYPE TEXT": [],
    "ALTER TABLE one ALTER COLUMN name DROP NOT NULL": [],
    "CREATE TABLE two (id INTEGER PRIMARY KEY REFERENCES one (id))": [],
}
"""What a migration may say, and what a hub that knows the table `one` would stumble over then."""


def test_what_would_break_a_running_hub_is_found(new_postgres_url: str) -> None:
    """Else the walk above would hold nothing."""
    engine = sa.create_engine(new_postgres_url, poolclass=NullPool)
    for statement, breaks in BREAKS.items():
        before, after = sa.MetaData(), sa.MetaData()
        with engine.connect() as connection:
            connection.exec_driver_sql(ONE)
            before.reflect(connection)
            connection.exec_driver_sql(statement)
            after.reflect(connection)
        assert find_breaks(before, after) == breaks, statement
