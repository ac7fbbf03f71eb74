"""The quick way to the tables of an empty database: the same tables, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from hubwright.store.birth import create_tables
from hubwright.store.revision import is_current
from hubwright.store.upgrade import upgrade


def shape(url: str) -> dict[str, Any]:
    """Columns of each table in no order (a migration adds at the end), its foreign keys, the indexes' own words."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        tables = sorted(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())
        found: dict[str, Any] = {
            table: (
                sorted(str(row[1:]) for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")),
                sorted(str(row[2:]) for row in connection.exec_driver_sql(f"PRAGMA foreign_key_list({table})")),
            )
            for table in tables
            if table != "alembic_version"
        }
        indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        found["indexes"] = {row.name: " ".join(row.sql.split()) for row in connection.execute(text(indexes))}
    return found


def test_the_tables_are_those_of_the_migrations(tmp_path: Path) -> None:
    """A hub that was begun today and one that was upgraded must be the same; later migrations start from both."""
    born, grown = f"sqlite:///{tmp_path}/born.db", f"sqlite:///{tmp_path}/grown.db"
    assert create_tables(born)
    upgrade(grown)
    assert shape(born) == shape(grown)
    assert is_current(born)
    upgrade(born)
    assert shape(born) == shape(grown)


def test_only_an_empty_database_is_begun(tmp_path: Path) -> None:
    """What has tables, whatever they are, is left to the migrations, and so is PostgreSQL."""
    url = f"sqlite:///{tmp_path}/old.db"
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text("CREATE TABLE something (id INTEGER)"))
    before = shape(url)
    assert not create_tables(url)
    assert shape(url) == before
    assert not create_tables("postgresql+psycopg://nobody@127.0.0.1:1/none")
