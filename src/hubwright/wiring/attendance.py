"""That a process other than a hub is noted in the database for as long as it lives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from hubwright import __version__
from hubwright.hub.dispatcher import InProcessDispatcher
from hubwright.hub.presence import Presence
from hubwright.store.database import Database
from hubwright.store.processes import Process
from hubwright.store.writers import is_outage
from hubwright.wire import WIRE_VERSION

PRESENCE = "presence"
"""The queue; no rows wait in it."""

logger = structlog.get_logger()


@contextmanager
def attending(database: Database, kind: str, owner: str) -> Iterator[None]:
    """Have it noted until the block ends, with PostgreSQL; SQLite has one process, or few on one machine."""
    if database.dialect == "sqlite":
        yield
        return
    presence = Presence(database, describe_process(kind, owner), time.time)
    notes = InProcessDispatcher({PRESENCE: presence.drain})
    notes.start()
    try:
        yield
    finally:
        notes.stop(2.0)
        part(presence)


def part(presence: Presence) -> None:
    """Have noted that it goes; a database that is away learns it by itself, from the silence."""
    try:
        presence.end()
    except Exception as error:
        if not is_outage(error):
            raise
        logger.warning("not_parted", error=str(error).partition("\n")[0])


def describe_process(kind: str, owner: str, address: str = "", place: str = "") -> Process:
    """This process, as others are told of it."""
    now = time.time()
    return Process(
        owner=owner,
        kind=kind,
        address=address,
        place=place,
        version=__version__,
        wire=WIRE_VERSION,
        started_at=now,
        seen_at=now,
    )
