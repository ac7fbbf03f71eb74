"""What people pause and resume: the hub, platforms, jobs. Each change is kept, with who made it, and is a fact.

Call these in a transaction; wake `builders`, `runs` and `facts` afterwards. What runs goes on, what waits keeps its
place.
"""

from __future__ import annotations

from sqlalchemy import Connection

from hubwright.domain.facts import Fact, FactKind
from hubwright.errors import NotFoundError, UnprocessableError
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import load_job
from hubwright.store.pauses import HUB, PLATFORM, drop_pause, keep_job_pause, keep_pause

NAME_LETTERS = 100


def set_hub(connection: Connection, by: str, now: float, *, paused: bool) -> None:
    """Let no run start anywhere, or again. What it is already changes nothing."""
    changed = keep_pause(connection, HUB, "", by, now) if paused else drop_pause(connection, HUB, "")
    if changed:
        _tell(connection, FactKind.HUB_PAUSED if paused else FactKind.HUB_RESUMED, now, by=by)


def set_platform(connection: Connection, name: str, by: str, now: float, *, paused: bool) -> None:
    """Let no run start on builders of a platform, by name or glob, or again. Raises UnprocessableError."""
    if not name.isprintable() or not 0 < len(name) <= NAME_LETTERS or name != name.strip():
        raise UnprocessableError(f"A platform's name or glob is printable and has 1 to {NAME_LETTERS} characters.")
    changed = keep_pause(connection, PLATFORM, name, by, now) if paused else drop_pause(connection, PLATFORM, name)
    if changed:
        kind = FactKind.PLATFORM_PAUSED if paused else FactKind.PLATFORM_RESUMED
        _tell(connection, kind, now, platform=name, by=by)


def set_job(connection: Connection, path: str, by: str, now: float, *, paused: bool) -> None:
    """Let no build of a job and its copies start, or again. Raises NotFoundError."""
    if load_job(connection, path) is None:
        raise NotFoundError(f"There is no job {path}.")
    number = keep_job_pause(connection, path, by if paused else None, now)
    if number is not None:
        kind = FactKind.JOB_PAUSED if paused else FactKind.JOB_RESUMED
        _tell(connection, kind, now, number, job=path, by=by)


def _tell(connection: Connection, kind: FactKind, now: float, job_id: int | None = None, **data: object) -> None:
    keep_facts(connection, [Fact(kind=kind, at=now, job_id=job_id, data=dict(data))])
