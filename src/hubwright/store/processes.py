"""The processes of an installation that are there. Each notes itself; who was not seen for a day is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.store.schema import process

FORGOTTEN = 86_400.0
"""Seconds after which a process that was not seen is forgotten."""

SILENT = 35.0
"""Seconds after which one that was not seen is taken for lost: it notes itself every ten."""

MOST = 500

_NEWEST = select(process).order_by(process.c.kind, process.c.started_at, process.c.owner).limit(MOST)
_REACHED = select(process.c.address).where(process.c.kind == "hub", process.c.address != "")
_AT = _REACHED.where(process.c.place == bindparam("place")).order_by(process.c.seen_at.desc()).limit(3)
_ALL = _REACHED.where(process.c.place != bindparam("place")).order_by(process.c.seen_at.desc()).limit(20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """A process of the installation. `place` names the folder of its logs, `address` is where other hubs reach it."""

    owner: str
    kind: str
    address: str
    place: str
    version: str
    wire: int
    started_at: float
    seen_at: float

    def is_lost(self, now: float) -> bool:
        """Whether it died, hangs, or has no way to the database."""
        return now - self.seen_at > SILENT


def keep_process(connection: Connection, one: Process) -> None:
    """Note that it is there."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    told = asdict(one)
    written = dialect.insert(process).values(**told)
    connection.execute(
        written.on_conflict_do_update(index_elements=["owner"], set_={key: written.excluded[key] for key in told})
    )


def begin_process(connection: Connection, one: Process) -> None:
    """Note a new one: those before it at its place, and those that are long gone, are forgotten."""
    gone = [process.c.seen_at < one.seen_at - FORGOTTEN]
    if one.place:
        gone.append((process.c.place == one.place) & (process.c.kind == one.kind))
    for condition in gone:
        connection.execute(delete(process).where(condition))
    keep_process(connection, one)


def end_process(connection: Connection, owner: str) -> None:
    """It stops: nobody need look for it."""
    connection.execute(delete(process).where(process.c.owner == owner))


def load_processes(connection: Connection) -> list[Process]:
    """All that are known, kind by kind, the oldest first."""
    return [Process(**row) for row in connection.execute(_NEWEST).mappings()]


def load_addresses(connection: Connection, place: str) -> Sequence[str]:
    """Where hubs with that folder of logs are reached, the one that was seen last first."""
    return connection.execute(_AT, {"place": place}).scalars().all()


def load_other_addresses(connection: Connection, place: str) -> Sequence[str]:
    """Where all hubs with other folders are reached."""
    return connection.execute(_ALL, {"place": place}).scalars().all()
