"""An embedded installation goes to PostgreSQL and another storage. The rows come last, in one transaction.

So a target that has rows has everything, and a move that was broken off is begun again as if it had never been.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from hubwright.errors import ConflictError
from hubwright.hub.carrying import Wanted, carry, check_strangers, list_files
from hubwright.storage import Storage
from hubwright.store import moving
from hubwright.store.alone import alone_with
from hubwright.store.engines import POSTGRESQL, write_document
from hubwright.store.revision import HEAD, load_revision
from hubwright.store.upgrade import LOCK, upgrade

EVERY = 1_000
"""Files after which it is told how far it is."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Where things are and where they go. `files`: pairs of storages, source first."""

    database: str
    to_database: str
    files: tuple[tuple[Storage, Storage], ...] = ()


@dataclass(slots=True)
class Moved:
    """What was moved: rows by table, files and their bytes. `sent` files were not there from an earlier try."""

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    size: int = 0
    sent: int = 0
    replaced: int = 0  # texts that had a character which PostgreSQL does not have


def move(route: Route, say: Say) -> Moved:
    """Carry files and rows. Nobody may use the source meanwhile, and it is left as it is.

    Raises ConflictError when somebody does, when source or target are not as they must be or what arrived differs;
    StorageError. The target's database is then as it was, but for its empty tables.
    """
    moved = Moved()
    with alone_with(route.database) as source:
        _check_revision(source)
        upgrade(route.to_database)
        engine = create_engine(
            route.to_database, poolclass=NullPool, connect_args=POSTGRESQL, json_serializer=write_document
        )
        with engine.connect() as target:  # a look, before anything is sent
            moving.take_target(target)
        for pair in route.files:
            asyncio.run(_move_files(*pair, moved, say))
        with engine.begin() as target:
            target.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            moving.take_target(target)
            _move_rows(source, target, moved, say)
    return moved


def _check_revision(source: Connection) -> None:
    revision = load_revision(source)
    if revision != HEAD:
        raise ConflictError(
            f"The database is at migration {revision}, this release at {HEAD}: start its hub once, or run "
            "`hubwright db upgrade`, with the release that moves it."
        )


async def _move_files(source: Storage, target: Storage, moved: Moved, say: Say) -> None:
    await check_strangers(source, target)
    async for one in carry(source, target, _all_of(source)):
        moved.files += 1
        moved.size += one.size
        moved.sent += one.sent
        if moved.files % EVERY == 0:
            say(f"{moved.files:,} files")


async def _all_of(storage: Storage) -> AsyncIterator[Wanted]:
    async for key in list_files(storage):
        yield Wanted(key, key)


def _move_rows(source: Connection, target: Connection, moved: Moved, say: Say) -> None:
    for table in moving.moved_tables():
        left = moving.copy_table(source, target, table)
        if moving.sum_table(target, table) != left:
            raise ConflictError(f"The rows of {table.name} did not arrive as they are; nothing was moved.")
        moved.rows[table.name] = left.rows
        moved.replaced += left.replaced
        if left.rows:
            say(f"{table.name}: {left.rows:,} rows")
    moving.copy_counters(source, target)
    target.execute(text("ANALYZE"))  # nothing has been asked yet, and the first plans would be guesses
