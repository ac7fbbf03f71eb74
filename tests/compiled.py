"""What SQLAlchemy compiles for one database serves all others of a test process.

Each test opens databases of its own, and to write down the statements anew for each was a fifth of what the tests of
the database took. Dialects are alike when they are for the same server and write JSON in the same way.
"""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache, immutabledict

STATEMENTS = 3000
"""Compiled statements that are kept; the program has some 1,500 for each kind of database."""


def share_compiled() -> None:
    """From now on, in this process."""
    cache: LRUCache[object, object] = LRUCache(STATEMENTS)
    Engine._execution_options = immutabledict({"compiled_cache": cache})
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        dialect.__eq__ = _are_alike  # type: ignore[assignment, method-assign]
        dialect.__hash__ = _hash  # type: ignore[assignment, method-assign]


def _are_alike(one: DefaultDialect, other: object) -> bool:
    return type(one) is type(other) and _traits(one) == _traits(other)


def _hash(one: DefaultDialect) -> int:
    return hash(type(one))


def _traits(one: object) -> tuple[object, ...]:
    return tuple(getattr(one, name, None) for name in ("server_version_info", "_json_serializer", "_json_deserializer"))
