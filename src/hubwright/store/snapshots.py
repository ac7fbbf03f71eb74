"""Copies of an embedded database: made while it is in use, checked, and begun again as the database of a hub."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, func, select, text, update

from hubwright.errors import ConflictError
from hubwright.store.alone import sqlite_file
from hubwright.store.schema import build, delivery, fact, job, run

AHEAD = 10_000
"""Numbers that are passed over when a copy becomes the database, at least; else as many as were ever given."""

AHEAD_IN_JOB = 1_000
"""Numbers that are passed over in each job that has built: pages and filed builds have them in their addresses."""

_NUMBERED = (build, run, delivery, fact)
_LEASES = 1_000


def copy_database(url: str, to: Path) -> str:
    """Copy a database of SQLite as it is at one moment, and tell its migration; whoever writes to it goes on.

    Raises ConflictError when there is none, or when it is damaged. https://sqlite.org/backup.html
    """
    path = sqlite_file(url)
    if not path.is_file():
        raise ConflictError(f"There is no database {path}: look at --data-dir or DATABASE_URL.")
    try:
        with closing(sqlite3.connect(path, timeout=30)) as source, closing(sqlite3.connect(to)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a second one beside it
            (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise ConflictError(f"The database {path} can't be copied: {error}.") from error
    check_database(to)
    return str(revision)


def check_database(path: Path) -> None:
    """Raises ConflictError when SQLite finds damage in the file."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise ConflictError(f"The database {path} is damaged: {found}")


def begin_again(connection: Connection) -> None:
    """Have a copy never say anew what was said since it was made: builders, pages and GitHub know those numbers.

    Builds, runs, deliveries and facts are numbered far behind; who holds a run of then holds it no more.
    """
    for table in _NUMBERED:
        highest = _load_highest(connection, table.name)
        _keep_highest(connection, table.name, highest + max(AHEAD, highest))
    connection.execute(update(job).where(job.c.builds > 0).values(builds=job.c.builds + AHEAD_IN_JOB))
    connection.execute(update(run).where(run.c.state != "finished").values(lease=run.c.lease + _LEASES))


def _load_highest(connection: Connection, table: str) -> int:
    """The highest number that was ever given."""
    if connection.dialect.name == "postgresql":
        return int(connection.execute(select(func.nextval(func.pg_get_serial_sequence(table, "id")))).scalar_one()) - 1
    found = connection.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table}).scalar()
    return int(found or 0)


def _keep_highest(connection: Connection, table: str, number: int) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.setval(func.pg_get_serial_sequence(table, "id"), number)))
        return
    values = {"table": table, "number": number}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), values)
    connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)"), values)
