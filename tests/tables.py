"""Databases with every table at the price of a copy: a first start makes them once, every test gets a copy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import psycopg
from sqlalchemy import make_url

import servers
from hubwright.store.birth import create_tables
from hubwright.store.upgrade import upgrade

EMPTY = "template0"
FULL = "tables"
"""The databases of a PostgreSQL server that new ones are copies of."""


@cache
def _sqlite_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        create_tables(f"sqlite:///{folder}/hubwright.db")
        return (Path(folder) / "hubwright.db").read_bytes()


def with_tables(url: str) -> str:
    """The same address of SQLite; if nothing was there, now there is a database with every table."""
    path = Path(make_url(url).database or "")
    if not path.exists():
        path.write_bytes(_sqlite_file())
    return url


@contextmanager
def fresh_postgres(kind: str, template: str = FULL) -> Iterator[str]:
    """A new PostgreSQL database, dropped at the end; `kind` is "postgresql" or "postgresql-newest"."""
    server = servers.url_of(kind)
    name = f"t{servers.next_number('database')}"
    with closing(psycopg.connect(server.replace("+psycopg", ""), autocommit=True)) as connection:
        if template == FULL:
            servers.once(f"{kind}-{FULL}", lambda: _make_template(server, connection))
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield server.rpartition("/")[0] + f"/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _make_template(server: str, connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute(f"CREATE DATABASE {FULL} TEMPLATE {EMPTY}")
    upgrade(server.rpartition("/")[0] + f"/{FULL}")
    connection.execute(f"ALTER DATABASE {FULL} ALLOW_CONNECTIONS false")  # one that is in use can't be copied
