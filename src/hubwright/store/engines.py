"""How databases are opened, and what JSON looks like in them: SQLite and PostgreSQL are told apart here."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any

import msgspec
import orjson
import structlog
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

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

MEMORY = "memory"
"""The execution option under which the connections of a database's readers share what they remember: a dict."""

_DECODER = msgspec.json.Decoder()
"""Several times as quick as `json`, and reads the same; also whole numbers of any length."""

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def open_engine(url: str, *, size: int, begin: str, isolation: str | None = None) -> Engine:
    """A pool of so many connections, whose transactions begin with `begin` where that is SQLite.

    `isolation` is for others: with AUTOCOMMIT a read needs no words but its own, and what it sees is the same, for in
    READ COMMITTED, PostgreSQL's default, each statement sees what is committed when it begins.
    """
    if make_url(url).get_backend_name() != "sqlite":
        more = {"pool_pre_ping": True, "connect_args": POSTGRESQL, "json_serializer": write_document}
        chosen = {} if isolation is None else {"isolation_level": isolation}
        return create_engine(url, pool_size=size, max_overflow=2, **chosen, **more)
    more = {"json_serializer": write_document, "json_deserializer": read_document}
    engine = create_engine(url, poolclass=QueuePool, pool_size=size, max_overflow=4, **more)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    def start(dbapi_connection: PoolProxiedConnection) -> None:
        dbapi_connection.cursor().execute(begin)

    # not as a listener: an engine that has one looks for others at each statement, which is a quarter of its time
    engine.dialect.do_begin = start  # type: ignore[method-assign]
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
        return _DECODER.decode(text)
    except msgspec.DecodeError:
        return _read_odd_document(text)


def _read_odd_document(text: str) -> Any:
    """What only Python's reader takes: lone surrogates, NaN, numbers beyond all floats."""
    try:
        return json.loads(text)
    except ValueError:
        logger.error("damaged_json", beginning=text[:100])
        return {}
