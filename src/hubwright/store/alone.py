"""SQLite for one program alone: a hub that runs is noticed, and one that starts meanwhile waits or gives up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from hubwright.errors import ConflictError
from hubwright.store.engines import read_document, write_document


@contextmanager
def alone_with(url: str, *, patience: float = 2.0) -> Iterator[Connection]:
    """A connection to a SQLite database that nobody else has open, in a transaction that is committed at the end.

    Raises ConflictError when there is no such file, or another process has it open for `patience` seconds.
    """
    path = sqlite_file(url)
    if not path.is_file():
        raise ConflictError(f"There is no database {path}: look at --data-dir or DATABASE_URL.")
    engine = create_engine(url, poolclass=NullPool, json_serializer=write_document, json_deserializer=read_document)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute(f"PRAGMA busy_timeout={int(patience * 1000)}")
        # Must be said before anything else; until it is closed nobody else reads or writes: https://sqlite.org/wal.html
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")

    with engine.connect() as connection:
        try:
            connection.begin()
        except OperationalError as error:
            raise ConflictError(f"Somebody uses {path}: stop the hub and what else has it open first.") from error
        yield connection
        connection.commit()


def sqlite_file(url: str) -> Path:
    """The file of an address of SQLite. Raises ConflictError for other databases."""
    parts = make_url(url)
    if parts.get_backend_name() != "sqlite" or not parts.database:
        raise ConflictError(
            "This is for the embedded database only, a file of SQLite; see docs/backup.md for PostgreSQL."
        )
    return Path(parts.database)
