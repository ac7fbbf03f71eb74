"""Rows in bulk: `executemany` without a journal on SQLite, `COPY` on PostgreSQL; indexes are made when all is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from sqlalchemy import Index, Table, create_engine, make_url, text
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex

from hubwright.store.revision import HEAD
from hubwright.store.schema import metadata

Row = Sequence[Any]


class Loader(Protocol):
    """Takes rows; values are texts, numbers, None or bytes, moments and documents as text."""

    def load(self, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Add these rows to the table."""


@contextmanager
def loading(url: str) -> Iterator[Loader]:
    """An empty database at `url` with every table; what is loaded is committed, indexed and analysed at the end."""
    _make_tables(url)
    with _open(url) as loader:
        yield loader
    _finish(url)


@contextmanager
def _open(url: str) -> Iterator[Loader]:
    if make_url(url).get_backend_name() == "sqlite":
        connection = sqlite3.connect(str(make_url(url).database), isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA cache_size=-500000")
            connection.execute("BEGIN")
            yield _SQLite(connection)
            connection.execute("COMMIT")
        finally:
            connection.close()
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as opened:
            opened.execute("SET session_replication_role = replica")  # references are right by construction
            yield _PostgreSQL(opened)


class _SQLite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def load(self, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        self._connection.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', rows)


class _PostgreSQL:
    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def load(self, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        with self._connection.cursor().copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            for portion in _portions(rows, 2_000):
                copy.write("".join("\t".join(map(_write, row)) + "\n" for row in portion))


def _portions(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    portion: list[Row] = []
    for row in rows:
        portion.append(row)
        if len(portion) == size:
            yield portion
            portion = []
    yield portion


def _write(value: Any) -> str:
    """A value in COPY's text form."""
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return str(value)


def _make_tables(url: str) -> None:
    """Every table, without the indexes that can be made later."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        metadata.create_all(connection)
        for index in _indexes():
            connection.execute(text(f'DROP INDEX "{index.name}"'))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def _finish(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA cache_size=-500000")
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
        for index in _indexes():
            connection.execute(CreateIndex(index))
        if connection.dialect.name == "postgresql":
            _set_sequences(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("VACUUM ANALYZE"))  # SQLite has no statistics: the product makes none


def _indexes() -> list[Index]:
    found = (index for table in metadata.sorted_tables for index in table.indexes)
    return sorted(found, key=lambda index: str(index.name))


def _set_sequences(connection: Any) -> None:
    """The next row of a table gets the next number."""
    for table in metadata.sorted_tables:
        if "id" in table.c:
            sequence = connection.execute(text(f"SELECT pg_get_serial_sequence('\"{table.name}\"', 'id')")).scalar()
            if sequence is not None:
                most = f'(SELECT coalesce(max(id), 0) + 1 FROM "{table.name}")'
                connection.execute(text(f"SELECT setval('{sequence}', {most}, false)"))
