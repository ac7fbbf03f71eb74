"""Jobs: what to build of which repository."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, func, insert, select, update

from hubwright.domain.jobs import Approval, Commits, Job, JobSettings, RecipeSide
from hubwright.domain.repos import Repository
from hubwright.store.schema import job

# A job that was registered by name has no number until the first webhook; a number is the identity for ever after.
_OF_REPOSITORY = (
    select(job)
    .where(
        (job.c.repository_id == bindparam("number", type_=BigInteger()))
        | (
            (func.lower(job.c.repository) == bindparam("name"))
            & (job.c.repository_id.is_(None) | bindparam("number", type_=BigInteger()).is_(None))
        ),
    )
    .order_by(job.c.id)
)
_BY_PATH = select(job).where(job.c.path == bindparam("at"))
_SET_IDENTITY = (
    update(job)
    .where(job.c.id == bindparam("job_key"))
    .values(repository_id=bindparam("number"), repository=bindparam("name"))
)
_TAKE_NUMBERS = (
    update(job)
    .where(job.c.id == bindparam("job_key"))
    .values(builds=job.c.builds + bindparam("count"))
    .returning(job.c.builds)
)


def load_jobs(connection: Connection, repository: Repository) -> list[Job]:
    """The jobs of a repository, disabled ones too, by GitHub's number or, where there is none, by name in any case."""
    rows = connection.execute(_OF_REPOSITORY, {"number": repository.id, "name": repository.full_name.lower()})
    return [_job(row) for row in rows]


def load_job(connection: Connection, path: str) -> Job | None:
    """The job at a path of the folder tree."""
    row = connection.execute(_BY_PATH, {"at": path}).one_or_none()
    return _job(row) if row is not None else None


def load_job_by_id(connection: Connection, number: int) -> Job | None:
    """The job with our number."""
    row = connection.execute(select(job).where(job.c.id == number)).one_or_none()
    return _job(row) if row is not None else None


def keep_job(
    connection: Connection, repository: Repository, settings: JobSettings, now: float, clone_url: str | None = None
) -> Job:
    """The job for a repository that has none yet; its path is the repository's name. An existing one is returned.

    A name may have been another repository's before it was renamed: then the number keeps the two apart.
    """
    path = repository.full_name
    known = load_job(connection, path)
    if known is not None and known.repository_id not in (None, repository.id) and repository.id is not None:
        path = f"{path}-{repository.id}"
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


def keep_identity(connection: Connection, known: Job, repository: Repository) -> None:
    """Give a job that was registered by name the repository's number; follow a rename by that number."""
    if repository.id is None or known.clone_url is not None:
        return
    if (known.repository_id, known.repository) != (repository.id, repository.full_name):
        values = {"job_key": known.id, "number": repository.id, "name": repository.full_name}
        connection.execute(_SET_IDENTITY, values)


def take_numbers(connection: Connection, job_id: int, count: int) -> int:
    """Reserve `count` build numbers of a job; the first of them."""
    last: int = connection.execute(_TAKE_NUMBERS, {"job_key": job_id, "count": count}).scalar_one()
    return last - count + 1


def read_settings(data: Mapping[str, Any]) -> JobSettings:
    """Settings from their stored form; keys of a newer version are passed over."""
    known = {field.name for field in fields(JobSettings)}
    values = {key: value for key, value in data.items() if key in known}
    if "commits" in values:
        values["commits"] = Commits(values["commits"])
    if values.get("approval") is not None:
        values["approval"] = Approval(values["approval"])
    if values.get("untrusted_recipe") is not None:
        values["untrusted_recipe"] = RecipeSide(values["untrusted_recipe"])
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
