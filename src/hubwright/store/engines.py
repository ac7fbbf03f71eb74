"""How databases are opened, and what JSON looks like in them: SQLite and PostgreSQL are told apart here."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

logger = structlog.get_logger()

POSTGRESQL = {
    "connect_timeout": 5,
    "tcp_user_timeout": 15_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""A server that is cut off is noticed within seconds, not after the system's quarter of an hour.

https://www.postgresql.org/docs/current/libpq-connect.html
"""

RESTED = 0.5
"""Seconds without use after which a connection to a server is tried before it is given out."""

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def open_engine(url: str, *, size: int, begin: str, isolation: str | None = None) -> Engine:
    """A pool of so many connections, whose transactions begin with `begin` where that is SQLite.

    `isolation` is for others: with AUTOCOMMIT a read needs no words but its own, and what it sees is the same, for in
    READ COMMITTED, PostgreSQL's default, each statement sees what is committed when it begins.
    """
    if make_url(url).get_backend_name() != "sqlite":
        more = {"connect_args": POSTGRESQL, "json_serializer": write_document, "max_overflow": 2}
        if isolation is None:
            return create_engine(url, pool_size=size, pool_pre_ping=True, **more)
        return _tried(create_engine(url, pool_size=size, isolation_level=isolation, **more))
    more = {"json_serializer": write_document, "json_deserializer": read_document}
    engine = create_engine(url, poolclass=QueuePool, pool_size=size, max_overflow=4, **more)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _tried(engine: Engine) -> Engine:
    """Has connections that rested tried when they are taken; one that is gone takes all of its age with it.

    The pool's own `pool_pre_ping` asks the server each time, which is a tenth of what short reads cost.
    """

    @event.listens_for(engine, "checkin")
    def note(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def look(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        used = record.info.get("used")
        if used is None or time.monotonic() - used < RESTED:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    return engine


def write_document(value: Any) -> str:
    """JSON that every database takes: PostgreSQL has no NUL."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # keys that are no texts, numbers beyond 64 bits
        text = json.dumps(value)
    return _NUL.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def read_document(text: str) -> Any:
    """A JSON column of SQLite, where it is text. A damaged one is empty, so that it harms only its own row (R12)."""
    try:
        return json.loads(text)
    except ValueError:
        logger.error("damaged_json", beginning=text[:100])
        return {}
