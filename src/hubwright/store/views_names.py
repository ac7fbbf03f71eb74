"""The names of things, for who looks for one by some letters of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from hubwright.store.schema import build, builder, gh_repository, job

MAX_NAMES = 50_000
"""Jobs, and repositories, that can be found by some letters."""

_AT_ONCE = 1_000


class JobName(NamedTuple):
    """A job, and the repository that it builds."""

    path: str
    repository: str


def load_job_names(connection: Connection) -> Iterator[JobName]:
    """All jobs, no copies, at most `MAX_NAMES`."""
    query = select(job.c.path, job.c.repository).where(job.c.copy_of.is_(None)).order_by(job.c.path).limit(_AT_ONCE)
    last: str | None = None
    for _ in range(MAX_NAMES // _AT_ONCE):
        rows = connection.execute(query if last is None else query.where(job.c.path > last)).all()
        yield from (JobName(*row) for row in rows)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].path


def load_repository_names(connection: Connection) -> Iterator[str]:
    """All repositories of the copy of GitHub, at most `MAX_NAMES`."""
    columns = gh_repository.c.id, gh_repository.c.full_name, gh_repository.c.deleted_at
    query = select(*columns).order_by(gh_repository.c.id).limit(_AT_ONCE)
    last = 0
    for _ in range(MAX_NAMES // _AT_ONCE):
        rows = connection.execute(query.where(gh_repository.c.id > last)).all()
        yield from (row.full_name for row in rows if row.full_name and row.deleted_at is None)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].id


def load_newest_repositories(connection: Connection, most: int) -> list[str]:
    """The repositories at GitHub of the newest builds, the last that built first, at most so many."""
    query = select(job.c.repository, job.c.clone_url).join(build, build.c.job_id == job.c.id)
    rows = connection.execute(query.order_by(build.c.id.desc()).limit(_AT_ONCE)).all()
    return list(dict.fromkeys(row.repository for row in rows if row.clone_url is None))[:most]


def load_builder_names(connection: Connection) -> list[tuple[str, str]]:
    """Name and platform of all builders, by name, at most `MAX_NAMES`."""
    query = select(builder.c.name, builder.c.platform).order_by(builder.c.name).limit(MAX_NAMES)
    return [(row.name, row.platform) for row in connection.execute(query)]


def find_numbered(connection: Connection, paths: Sequence[str], number: int) -> list[int]:
    """The ids of the builds of this number, of each of the jobs that has one."""
    jobs = connection.execute(select(job.c.id).where(job.c.path.in_(paths))).scalars().all()
    query = select(build.c.id).where(build.c.job_id.in_(jobs), build.c.number == number)
    return list(connection.execute(query).scalars()) if jobs else []
