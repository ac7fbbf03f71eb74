"""Questions in SQL to PostgreSQL: asked by a login that may read only the open tables, in a read-only transaction.

`SET ROLE` would be no wall: a question may call `set_config('role', …)`. So the reader is a login of its own. Where the
hub's login may make roles, it makes that one and gives it, for each connection, a password that is good for a minute.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from hubwright.errors import SettingsError, UnprocessableError
from hubwright.store.engines import POSTGRESQL
from hubwright.store.sql_answers import MAX_CELL, Bounds, Found, collect
from hubwright.store.sql_tables import HIDDEN, READABLE
from hubwright.store.writers import DatabaseBusyError

_LOCK = 0x68756273716C
_AS_IT_IS = frozenset({16, 20, 21, 23, 26, 700, 701, 1700})  # bool, integers, oid, floats, numeric
_TIMES = {1114: "{}", 1184: "{} AT TIME ZONE 'UTC'"}  # timestamp, timestamptz
_ADVICE = "set SQL__DATABASE_URL to a login that may read the open tables only, see docs/replica.md"


def ask_postgresql(url: str, reader_url: str | None, question: str, bounds: Bounds) -> Found:
    """The answer of the server. Raises UnprocessableError, SettingsError; DatabaseBusyError when the server is away."""
    try:
        with _open(url, reader_url, bounds) as connection:
            _check_walls(connection)
            connection.commit()
            wrapped, names = _wrap(connection, question, bounds)
            # binary=True: one message, one statement, one start of the clock
            with connection.cursor(binary=True) as cursor:
                return collect(names, cursor.stream(wrapped), bounds)
    except psycopg.errors.QueryCanceled as error:
        raise UnprocessableError(f"The question took longer than {bounds.seconds:g} s and was stopped.") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise UnprocessableError(
            f"This can't be read or done with SQL ({_reason(error)}): only SELECT, and only from the tables of "
            "docs/replica.md."
        ) from error
    except psycopg.OperationalError as error:
        raise DatabaseBusyError(f"The database could not be asked: {_reason(error)}.") from error
    except psycopg.Error as error:
        raise UnprocessableError(f"The database refused the question: {_reason(error)}.") from error


def _wrap(connection: psycopg.Connection[Any], question: str, bounds: Bounds) -> tuple[sql.Composed, list[str]]:
    """The question as part of one that cuts long values and has no row too many; and the names of its columns.

    The server reads the question alone first: it must be whole by itself, and one statement.
    """
    wire = connection.pgconn
    prepared = wire.prepare(b"", question.encode())
    if prepared.status != psycopg.pq.ExecStatus.COMMAND_OK:
        raise UnprocessableError(f"The database refused the question: {prepared.get_error_message().splitlines()[0]}.")
    told = wire.describe_prepared(b"")
    if not told.nfields:
        raise UnprocessableError("Only a SELECT has an answer here.")
    names = [(told.fname(at) or b"").decode("utf-8", "replace") for at in range(told.nfields)]
    inner = [sql.Identifier(f"c{at}") for at in range(told.nfields)]
    cells = [_write_cell(column, told.ftype(at)) for at, column in enumerate(inner)]
    return (
        sql.SQL("SELECT {cells} FROM (\n{question}\n) AS q ({columns}) LIMIT {most}").format(
            cells=sql.SQL(", ").join(cells),
            question=sql.SQL(question),  # the one place where a person's SQL is meant
            columns=sql.SQL(", ").join(inner),
            most=sql.Literal(bounds.rows + 1),
        ),
        names,
    )


def _write_cell(column: sql.Identifier, kind: int) -> sql.Composable:
    if kind in _AS_IT_IS:
        return column
    if kind in _TIMES:  # as SQLite has them
        return sql.SQL("to_char(" + _TIMES[kind] + """, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""").format(column)
    return sql.SQL("left({}::text, {})").format(column, sql.Literal(MAX_CELL + 1))


@contextmanager
def _open(url: str, reader_url: str | None, bounds: Bounds) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the reader's; whatever it did is rolled back, and it is closed."""
    connection = _connect(reader_url, bounds) if reader_url else _connect_as_made(url, bounds)
    try:
        yield connection
    finally:
        connection.close()


def _connect(url: str, bounds: Bounds, **login: str) -> psycopg.Connection[Any]:
    timeout = f"{bounds.seconds * 1000:.0f}"
    bounded = {"statement_timeout": timeout, "lock_timeout": timeout, "default_transaction_read_only": "on"}
    options = " ".join(f"-c {name}={value}" for name, value in (bounded | {"TimeZone": "UTC"}).items())
    try:
        connection = psycopg.connect(_conninfo(url), **POSTGRESQL, **login, options=options)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        raise SettingsError(f"The reader of SQL can't connect ({_reason(error)}): {_ADVICE}.") from error
    connection.read_only = True
    return connection


def _connect_as_made(url: str, bounds: Bounds) -> psycopg.Connection[Any]:
    """A connection of the role that we make ourselves. Raises SettingsError when the hub's login may not make one."""
    try:
        with psycopg.connect(_conninfo(url), autocommit=True, **POSTGRESQL) as admin:  # type: ignore[arg-type]
            admin.execute("SET lock_timeout = '10s'")
            admin.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # others would change the password meanwhile
            role, password = _make_role(admin)
            _grant(admin, role)
            return _connect(url, bounds, user=role, password=password)
    except psycopg.errors.InsufficientPrivilege as error:
        raise SettingsError(f"The hub's login at PostgreSQL may not make a reader for SQL: {_ADVICE}.") from error


def _make_role(admin: psycopg.Connection[Any]) -> tuple[str, str]:
    """The reader's role of this database, made when it is not there, and its password for the next minute."""
    row = admin.execute(
        "SELECT 'hubwright_sql_' || oid, (now() + interval '1 minute')::text FROM pg_database"
        " WHERE datname = current_database()"
    ).fetchone()
    assert row is not None  # noqa: S101 - the database that we are in
    role, until = str(row[0]), str(row[1])
    known = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    password = secrets.token_urlsafe(32)
    hashed = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    form = "ALTER ROLE {} PASSWORD {} VALID UNTIL {}" if known else "CREATE ROLE {} LOGIN PASSWORD {} VALID UNTIL {}"
    admin.execute(sql.SQL(form).format(sql.Identifier(role), sql.Literal(hashed), sql.Literal(until)))
    return role, password


def _grant(admin: psycopg.Connection[Any], role: str) -> None:
    """Let the role read the open tables; only those that it can't read yet are touched."""
    found = admin.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(%s)"
        " AND NOT has_table_privilege(%s, oid, 'SELECT')",
        [sorted(READABLE), role],
    ).fetchall()
    if not found:
        return
    reader = sql.Identifier(role)
    schema = admin.execute("SELECT current_schema()").fetchone()
    admin.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier((schema or ("public",))[0]), reader))
    tables = sql.SQL(", ").join(sql.Identifier(str(row[0])) for row in found)
    admin.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(tables, reader))


def _check_walls(connection: psycopg.Connection[Any]) -> None:
    """Raises SettingsError when this login could read a table that is closed, or is more than a reader."""
    row = connection.execute(
        "SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user), (SELECT min(relname::text) FROM pg_class"
        " WHERE relkind = 'r' AND relname = ANY(%s) AND has_any_column_privilege(session_user, oid, 'SELECT'))",
        [sorted(HIDDEN)],
    ).fetchone()
    if row is None or row[0] or row[1]:
        why = f"it could read the table {row[1]}" if row and row[1] else "it is a superuser"
        raise SettingsError(f"The login for SQL is not safe, {why}: {_ADVICE}.")


def _conninfo(url: str) -> str:
    """libpq's form of SQLAlchemy's address."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _reason(error: psycopg.Error) -> str:
    return (error.diag.message_primary or str(error) or type(error).__name__).splitlines()[0].rstrip(".")
