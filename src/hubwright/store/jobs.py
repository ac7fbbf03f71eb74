"""Jobs: what to build of which repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from hubwright.domain.jobs import Commits, Job, JobSettings
from hubwright.domain.repos import Repository
from hubwright.store.schema import job


def load_jobs(connection: Connection, repository: Repository) -> list[Job]:
    """The enabled jobs of a repository, by GitHub's number or, where there is none, by name in any case."""
    same = func.lower(job.c.repository) == repository.full_name.lower()
    if repository.id is not None:
        same = (job.c.repository_id == repository.id) | (same & job.c.repository_id.is_(None))
    rows = connection.execute(select(job).where(same, job.c.enabled).order_by(job.c.id))
    return [_job(row) for row in rows]


def load_job(connection: Connection, path: str) -> Job | None:
    """The job at a path of the folder tree."""
    row = connection.execute(select(job).where(job.c.path == path)).one_or_none()
    return _job(row) if row is not None else None


def load_job_by_id(connection: Connection, number: int) -> Job | None:
    """The job with our number."""
    row = connection.execute(select(job).where(job.c.id == number)).one_or_none()
    return _job(row) if row is not None else None


def keep_job(
    connection: Connection, repository: Repository, settings: JobSettings, now: float, clone_url: str | None = None
) -> Job:
    """The job for a repository that has none yet; its path is the repository's name. An existing one is returned."""
    path = repository.full_name
    known = load_job(connection, path)
    if known is not None:
        return known
    values = {
        "path": path,
        "repository_id": repository.id,
        "repository": repository.full_name,
        "clone_url": clone_url,
        "settings": write_settings(settings),
        "created_at": now,
    }
    number = connection.execute(insert(job).values(values).returning(job.c.id)).scalar_one()
    return Job(
        id=number,
        path=path,
        repository_id=repository.id,
        repository=repository.full_name,
        clone_url=clone_url,
        settings=settings,
    )


def take_numbers(connection: Connection, job_id: int, count: int) -> int:
    """Reserve `count` build numbers of a job; the first of them."""
    statement = update(job).where(job.c.id == job_id).values(builds=job.c.builds + count).returning(job.c.builds)
    last: int = connection.execute(statement).scalar_one()
    return last - count + 1


def read_settings(data: Mapping[str, Any]) -> JobSettings:
    """Settings from their stored form; keys of a newer version are passed over."""
    known = {field.name for field in fields(JobSettings)}
    values = {key: value for key, value in data.items() if key in known}
    if "commits" in values:
        values["commits"] = Commits(values["commits"])
    if "platforms" in values:
        values["platforms"] = tuple(values["platforms"])
    return JobSettings(**values)


def write_settings(settings: JobSettings) -> dict[str, Any]:
    """Settings in their stored form: only what differs from the default."""
    default = JobSettings()
    return {key: value for key, value in asdict(settings).items() if value != getattr(default, key)}


def _job(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        path=row.path,
        repository_id=row.repository_id,
        repository=row.repository,
        clone_url=row.clone_url,
        settings=read_settings(row.settings),
        enabled=row.enabled,
    )
