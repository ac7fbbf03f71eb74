"""Jobs, read for people and programs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, select

from hubwright.errors import NotFoundError
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.schema import build, job
from hubwright.store.views import bounded, load_newest_builds, load_rows
from hubwright.store.views_values import JobView, Page


def load_jobs(connection: Connection, folder: str = "", limit: int = 200, cursor: str | None = None) -> Page[JobView]:
    """The jobs below `folder` (all for ``""``) by path, with their newest builds; the cursor is a path."""
    limit = bounded(limit)
    query = _jobs().order_by(job.c.path).limit(limit + 1)
    if folder:
        query = query.where(job.c.path.between(f"{folder}/", f"{folder}0"))  # "0" follows "/" in ASCII
    if cursor is not None:
        query = query.where(job.c.path > cursor)
    jobs = _load(connection, query)
    return Page(jobs[:limit], jobs[limit - 1].path if len(jobs) > limit else None)


def load_job(connection: Connection, path: str) -> JobView:
    """The job of this path with its newest build. Raises NotFoundError."""
    found = _load(connection, _jobs().where(job.c.path == path))
    if not found:
        raise NotFoundError(f"There is no job {path!r}.")
    return found[0]


def _jobs() -> Select[Any]:
    newest = (
        select(build.c.id)
        .where(build.c.job_id == job.c.id, build.c.event != BUILT_FOR_IT)
        .order_by(build.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(*job.c, newest.label("newest"))


def _load(connection: Connection, query: Select[Any]) -> tuple[JobView, ...]:
    rows = load_rows(connection, query)
    builds = load_newest_builds(connection, [row["newest"] for row in rows if row["newest"] is not None])
    return tuple(JobView(**{**row, "newest": builds.get(row["newest"])}) for row in rows)
