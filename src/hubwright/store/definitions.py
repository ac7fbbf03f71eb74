"""Jobs as people define them: kept under their path, whether they were there or not, with a version for each change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, tuple_, union_all, update

from hubwright.domain.job_settings import write_document
from hubwright.domain.jobs import JobSettings
from hubwright.store.copies import Archived
from hubwright.store.jobs import add_job, load_jobs_by_ids, whole_document
from hubwright.store.known_failures import forget_jobs
from hubwright.store.moments import moment
from hubwright.store.repos import find_repository
from hubwright.store.schema import (
    bisection,
    build,
    definition,
    dependency,
    flaky_test,
    folder,
    job,
    link,
    schedule,
    take,
)
from hubwright.store.triggers import keep_triggers
from hubwright.store.versions import Change, Kind, keep_version

REMOVED = "branch:~removed"
"""What a job that was removed is a copy of: no branch has such a name."""

_COLUMNS = ("repository", "clone_url", "enabled")


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A job, copy or folder that is there: its number of ours, the number of its version, and what it says itself."""

    kind: Kind
    id: int
    path: str
    version: int
    document: dict[str, Any]
    copy_of: int | None = None


def find_subject(connection: Connection, kind: Kind, path: str, *, to_change: bool = False) -> Subject | None:
    """The job or folder at a path. `to_change`: nobody else changes it until the transaction ends."""
    table = job if kind is Kind.JOB else folder
    query = select(*table.c).where(table.c.path == path)
    row = connection.execute(query.with_for_update() if to_change else query).one_or_none()
    if row is None:
        return None
    document = whole_document(row._asdict()) if kind is Kind.JOB else row.settings
    copy_of = row.copy_of if kind is Kind.JOB else None
    return Subject(kind=kind, id=row.id, path=path, version=row.version, document=document, copy_of=copy_of)


def keep_definition(
    connection: Connection,
    path: str,
    settings: JobSettings,
    source: tuple[str, str | None],
    *,
    enabled: bool,
    now: float,
    author: str | None = None,
) -> bool:
    """Keep the job at `path`, replacing its definition; whether it is new.

    `source` is `owner/name`, and the address to clone from where it is not GitHub's.
    """
    repository, clone_url = source
    document = {**write_document(settings), "repository": repository, "clone_url": clone_url, "enabled": enabled}
    return keep_document(connection, path, document, Change(author, now))


def keep_document(connection: Connection, path: str, document: Mapping[str, Any], change: Change) -> bool:
    """Keep the definition of the job at `path`: the whole canonical document, with its `repository`; whether it is new.

    A copy keeps the repository that it has.
    """
    said = {key: value for key, value in document.items() if value is not None}
    values = {
        "settings": {key: value for key, value in said.items() if key not in _COLUMNS},
        "enabled": said.get("enabled", True),
    }
    known = connection.execute(
        select(job.c.id, job.c.copy_of).where(job.c.path == path).with_for_update()
    ).one_or_none()
    if known is None or known.copy_of is None:
        values |= {
            "repository": said["repository"],
            "repository_id": connection.execute(select(find_repository(said["repository"]))).scalar(),
            "clone_url": said.get("clone_url"),
        }
    if known is None:
        add_job(connection, path, values, change)
        return True
    renewed = update(job).where(job.c.id == known.id).values(values).returning(*job.c)
    row = connection.execute(renewed).one()
    keep_version(connection, Kind.JOB, known.id, path, whole_document(row._asdict()), change)
    keep_triggers(connection, list(load_jobs_by_ids(connection, [known.id]).values()), change.at)
    return False


def load_document(connection: Connection, path: str) -> dict[str, Any] | None:
    """The whole own definition of the job or copy at a path, as versions of it have it."""
    found = find_subject(connection, Kind.JOB, path)
    return found.document if found is not None else None


def remove_job(connection: Connection, known: Subject, now: float) -> None:
    """Take a job away, with its links, times and versions, and close its copies.

    One that has builds becomes a copy of itself, under a name that nobody can give: so it is in no list of jobs nor
    of a repository's, its builds stay as long as others do, and its path is free.
    """
    for table in (link, schedule, dependency, take):
        connection.execute(delete(table).where(table.c.job_id == known.id))
    copies = update(job).where(job.c.copy_of == known.id, job.c.copy_of.is_not(None), job.c.closed_at.is_(None))
    connection.execute(copies.values(closed_at=now))
    connection.execute(
        delete(definition).where(definition.c.kind == Kind.JOB.value, definition.c.subject_id == known.id)
    )
    if connection.execute(_find_needed([known.id])).first() is not None:
        hidden = {"path": f"{known.path[:380]}~{known.id}", "copy_of": known.id, "copy_key": REMOVED, "enabled": False}
        connection.execute(update(job).where(job.c.id == known.id).values(**hidden, closed_at=now, archived_at=now))
    else:
        connection.execute(delete(flaky_test).where(flaky_test.c.job_id == known.id))
        forget_jobs(connection, [known.id])
        connection.execute(delete(job).where(job.c.id == known.id))


def drop_archived_jobs(
    connection: Connection, before: float, limit: int = 500, cursor: tuple[float, int] | None = None
) -> Archived:
    """Drop the rows of copies, and of jobs that were removed, that were archived before that moment and that nothing
    stands on any more; at most `limit` are looked at."""
    due = select(job.c.id, job.c.archived_at).where(job.c.archived_at.is_not(None), job.c.archived_at < moment(before))
    if cursor is not None:
        due = due.where(tuple_(job.c.archived_at, job.c.id) > tuple_(moment(cursor[0]), cursor[1]))
    rows = connection.execute(due.order_by(job.c.archived_at, job.c.id).limit(limit).with_for_update()).all()
    if not rows:
        return Archived((), None)
    looked = [row.id for row in rows]
    needed = set(connection.execute(_find_needed(looked)).scalars())
    if ids := [number for number in looked if number not in needed]:
        of_jobs = (definition.c.kind == Kind.JOB.value, definition.c.subject_id.in_(ids))
        connection.execute(delete(flaky_test).where(flaky_test.c.job_id.in_(ids)))
        forget_jobs(connection, ids)
        connection.execute(delete(definition).where(*of_jobs))
        connection.execute(delete(take).where(take.c.job_id.in_(ids)))
        connection.execute(delete(job).where(job.c.id.in_(ids)))
    return Archived(tuple(ids), (rows[-1].archived_at, rows[-1].id) if len(rows) == limit else None)


def _find_needed(numbers: Sequence[int]) -> Any:
    """Those of these jobs that builds, searches or copies stand on."""
    copies = select(job.c.copy_of).where(job.c.copy_of.in_(numbers), job.c.copy_of.is_not(None))
    return union_all(
        select(build.c.job_id).where(build.c.job_id.in_(numbers)).distinct(),
        select(bisection.c.job_id).where(bisection.c.job_id.in_(numbers)).distinct(),
        copies.where(job.c.id != job.c.copy_of).distinct(),
    )
