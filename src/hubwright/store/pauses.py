"""Pauses of the hub, of platforms and of jobs: kept until somebody resumes them, over every restart."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, func, literal_column, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.pauses import Pause, Stops
from hubwright.store.schema import builder, job, pause, run

HUB, PLATFORM = "hub", "platform"

MOST = 1_000
"""Paused platforms and jobs that are told of, at most."""

_LOCK = 7_236_003
"""An advisory lock on PostgreSQL: with limits of platforms, one process at a time leases runs."""

_RUNNING = (
    select(builder.c.platform, func.count().label("amount"))
    .join(run, run.c.builder == builder.c.name)
    .where(run.c.state == literal_column("'running'"))
    .group_by(builder.c.platform)
)
_ALL = select(pause).order_by(pause.c.kind, pause.c.name).limit(MOST)
_JOBS = (
    select(job.c.path, job.c.paused_at, job.c.paused_by)
    .where(job.c.paused_at.is_not(None))
    .order_by(job.c.id)
    .limit(MOST)
)


def load_stops(connection: Connection, limits: Mapping[str, int] | None = None) -> Stops:
    """What keeps runs from starting in the whole hub; `limits` of platforms are the settings'."""
    rows = connection.execute(_ALL).all()
    return Stops(
        hub=next((Pause(row.by, row.at) for row in rows if row.kind == HUB), None),
        platforms={row.name: Pause(row.by, row.at) for row in rows if row.kind == PLATFORM},
        limits=limits or {},
    )


def count_running(connection: Connection) -> dict[str, int]:
    """How many runs go on at each platform's builders; who else would lease runs waits until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    return load_running(connection)


def load_running(connection: Connection) -> dict[str, int]:
    """The same at this moment, keeping nobody waiting."""
    return {row.platform: row.amount for row in connection.execute(_RUNNING)}


def load_paused_jobs(connection: Connection) -> dict[str, Pause]:
    """The paused jobs by path; not their copies."""
    return {row.path: Pause(row.paused_by or "?", row.paused_at) for row in connection.execute(_JOBS)}


def keep_pause(connection: Connection, kind: str, name: str, by: str, now: float) -> bool:
    """Pause the hub or a platform; False when it is paused already, which stays as it is."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {"kind": kind, "name": name, "by": by, "at": now}
    added = dialect.insert(pause).values(values).on_conflict_do_nothing().returning(pause.c.kind)
    return connection.execute(added).first() is not None


def drop_pause(connection: Connection, kind: str, name: str) -> bool:
    """Resume the hub or a platform; False when it was not paused."""
    ended = delete(pause).where(pause.c.kind == kind, pause.c.name == name)
    return connection.execute(ended).rowcount == 1


def keep_job_pause(connection: Connection, path: str, by: str | None, now: float) -> int | None:
    """Pause the job at a path, or (None) resume it: its number, None when it is so already."""
    changed = update(job).where(job.c.path == path).returning(job.c.id)
    if by is None:
        changed = changed.where(job.c.paused_at.is_not(None)).values(paused_at=None, paused_by=None)
    else:
        changed = changed.where(job.c.paused_at.is_(None)).values(paused_at=now, paused_by=by)
    number: int | None = connection.execute(changed).scalar()
    return number
