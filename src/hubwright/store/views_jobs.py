"""Jobs and copies, read for people and programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, select

from hubwright.domain.job_settings import read_effective
from hubwright.domain.jobs import JobSettings
from hubwright.errors import NotFoundError
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.jobs import canonical
from hubwright.store.reach import below
from hubwright.store.schema import build, job
from hubwright.store.views import bounded, load_newest_builds, load_rows
from hubwright.store.views_values import JobView, Page

_COLUMNS = [job.c[field.name] for field in fields(JobView) if field.name in job.c]
_SETTINGS = {field.name: getattr(JobSettings(), field.name) for field in fields(JobSettings)}
_PARENT = job.alias("parent")
_IS_JOB = job.c.copy_of.is_(None)  # in the words of the indexes, without which SQLite would not use them


def load_jobs(
    connection: Connection,
    folder: str = "",
    limit: int = 200,
    cursor: str | None = None,
    *,
    direct: bool = False,
    within: Sequence[str] | None = None,
) -> Page[JobView]:
    """The jobs below `folder` (all for ``""``) by path, with their newest builds; the cursor is a path.

    `direct`: only those right in the folder; `within`: only those below one of these. Copies are in `load_copies`.
    """
    limit = bounded(limit)
    query = _jobs().where(_IS_JOB).order_by(job.c.path).limit(limit + 1)
    if direct:
        query = query.where(job.c.folder == folder)
    elif folder:
        query = query.where(job.c.path.between(f"{folder}/", f"{folder}0"))  # "0" follows "/" in ASCII
    if within is not None:
        query = query.where(below(job.c.path, within))
    if cursor is not None:
        query = query.where(job.c.path > cursor)
    jobs = _load(connection, query)
    return Page(jobs[:limit], jobs[limit - 1].path if len(jobs) > limit else None)


def load_copies(
    connection: Connection, job_id: int, limit: int = 200, cursor: int | None = None, *, archived: bool = False
) -> Page[JobView]:
    """The copies of a job, newest first, with their newest builds; the cursor is a number. `archived`: those too."""
    limit = bounded(limit)
    query = _jobs().where(job.c.copy_of == job_id, job.c.copy_of.is_not(None))
    if not archived:
        query = query.where(job.c.archived_at.is_(None))
    if cursor is not None:
        query = query.where(job.c.id < cursor)
    copies = _load(connection, query.order_by(job.c.id.desc()).limit(limit + 1))
    return Page(copies[:limit], copies[limit - 1].id if len(copies) > limit else None)


def load_job(connection: Connection, path: str) -> JobView:
    """The job or copy of this path with its newest build. Raises NotFoundError."""
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
    parent = select(_PARENT.c.path).where(_PARENT.c.id == job.c.copy_of).scalar_subquery()
    return select(*_COLUMNS, newest.label("newest_id"), parent.label("parent"))


def _load(connection: Connection, query: Select[Any]) -> tuple[JobView, ...]:
    rows = load_rows(connection, query)
    newest = [row.pop("newest_id") for row in rows]
    builds = load_newest_builds(connection, [number for number in newest if number is not None])
    return tuple(
        JobView(**{**row, "settings": _own_settings(row["settings"]), "newest": builds.get(number)})
        for row, number in zip(rows, newest, strict=True)
    )


def _own_settings(stored: dict[str, Any]) -> dict[str, Any]:
    """What the job itself says, with the names and in the form that the API has had for it from the start."""
    said = read_effective(canonical(stored))
    values = {name: getattr(said, name) for name in _SETTINGS}
    return {name: _plain(value) for name, value in values.items() if value != _SETTINGS[name]}


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value
