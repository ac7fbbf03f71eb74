"""Copies of jobs for pull requests and branches: made with their first build, closed, archived, opened again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.facts import FactKind
from hubwright.domain.job_copies import CopyKey, copy_paths
from hubwright.domain.job_paths import split_path
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.repos import Repository
from hubwright.errors import ConflictError
from hubwright.store.jobs import load_job_by_id, load_jobs_by_ids
from hubwright.store.moments import moment
from hubwright.store.schema import job

_DAY = 86_400.0
_PORTION = 500
_IS_COPY = job.c.copy_of.is_not(None)  # in the words of the index, without which SQLite would not use it
_IS_CLOSED = (job.c.closed_at.is_not(None), job.c.archived_at.is_(None))


@dataclass(frozen=True, slots=True)
class Had:
    """A copy, and what was done to have it: it was made or opened again; None: it was there."""

    job: DefinedJob
    news: FactKind | None = None


@dataclass(frozen=True, slots=True)
class Archived:
    """Copies that are archived now, or gone; `cursor` goes on behind those that were looked at, None at the end."""

    ids: tuple[int, ...]
    cursor: tuple[float, int] | None


def find_or_make_copy(
    connection: Connection, parent: DefinedJob, key: CopyKey, now: float, of: Repository | None = None
) -> Had:
    """The copy of a job for a pull request or branch, open again if it was closed; at first it says nothing itself.

    `of` is the repository whose it is, where that is not the job's own. Two that ask at once get the same copy.
    Raises ConflictError when both of its paths are other jobs'.
    """
    number, news = _find(connection, parent.id, key), None
    if number is None:
        number, new = _make(connection, parent, key, now, of)
        news = FactKind.COPY_MADE if new else None
    else:
        closed = update(job).where(job.c.id == number, job.c.closed_at.is_not(None))
        if connection.execute(closed.values(closed_at=None, archived_at=None)).rowcount:
            news = FactKind.COPY_REOPENED
    copy = load_job_by_id(connection, number)
    if copy is None:
        raise ConflictError(f"The copy {key} of {parent.path} was removed just now: try again.")
    return Had(copy, news)


def foresee_copy(connection: Connection, parent: DefinedJob, key: CopyKey, of: Repository | None = None) -> DefinedJob:
    """The copy as it is or, where there is none yet, as `find_or_make_copy` would make it, without a number of ours."""
    number = _find(connection, parent.id, key)
    copy = load_job_by_id(connection, number) if number is not None else None
    if copy is not None:
        return copy
    own = parent.settings
    return replace(
        parent,
        id=0,
        path=copy_paths(parent.path, key)[0],
        repository_id=parent.repository_id if of is None else of.id,
        repository=parent.repository if of is None else of.full_name,
        clone_url=parent.clone_url if of is None else None,
        settings=replace(own, triggers=replace(own.triggers, schedule=(), after=(), poll=True)),
        version=0,
        copy_of=parent.id,
        copy_key=str(key),
        parent=parent.path,
    )


def close_copy(connection: Connection, parent_id: int, key: CopyKey, now: float) -> int | None:
    """Say that what a copy is of is gone; its number, None where there is no open copy of it."""
    closed = update(job).where(*_of(parent_id, key), job.c.closed_at.is_(None)).values(closed_at=now)
    number: int | None = connection.execute(closed.returning(job.c.id)).scalar()
    return number


def has_open_copy(connection: Connection, names: Collection[tuple[int, str]]) -> bool:
    """Whether one of these copies, each named by its parent's number and its key, is there and open."""
    parents, keys = {parent for parent, _ in names}, {key for _, key in names}
    query = select(job.c.copy_of, job.c.copy_key).where(job.c.copy_of.in_(parents), job.c.copy_key.in_(keys), _IS_COPY)
    rows = connection.execute(query.where(job.c.closed_at.is_(None)))
    return any((row.copy_of, row.copy_key) in names for row in rows)


def archive_copies(
    connection: Connection, now: float, limit: int = _PORTION, cursor: tuple[float, int] | None = None
) -> Archived:
    """Take copies out of the lists that were closed `retention.archive` days ago; at most `limit` are looked at.

    They keep their builds, and come back when what they are of is opened again.
    """
    query = select(job.c.id, job.c.closed_at).where(*_IS_CLOSED).order_by(job.c.closed_at, job.c.id).limit(limit)
    if cursor is not None:
        query = query.where(tuple_(job.c.closed_at, job.c.id) > tuple_(moment(cursor[0]), cursor[1]))
    rows = connection.execute(query).all()
    due = _find_due(connection, rows, now)
    if due:
        connection.execute(update(job).where(job.c.id.in_(due), *_IS_CLOSED).values(archived_at=now))
    return Archived(tuple(due), (rows[-1].closed_at, rows[-1].id) if len(rows) == limit else None)


def _find_due(connection: Connection, rows: Sequence[Any], now: float) -> list[int]:
    copies = load_jobs_by_ids(connection, [row.id for row in rows])
    days = {number: copy.settings.retention.archive for number, copy in copies.items()}
    return [row.id for row in rows if row.id in days and row.closed_at <= now - days[row.id] * _DAY]


def _find(connection: Connection, parent_id: int, key: CopyKey) -> int | None:
    number: int | None = connection.execute(select(job.c.id).where(*_of(parent_id, key))).scalar()
    return number


def _of(parent_id: int, key: CopyKey) -> tuple[Any, ...]:
    return (job.c.copy_of == parent_id, job.c.copy_key == str(key), _IS_COPY)


def _make(
    connection: Connection, parent: DefinedJob, key: CopyKey, now: float, of: Repository | None
) -> tuple[int, bool]:
    """The copy's number, and whether it was made here."""
    values: dict[str, Any] = {
        "folder": split_path(parent.path)[0],
        "repository": parent.repository if of is None else of.full_name,
        "repository_id": parent.repository_id if of is None else of.id,
        "clone_url": parent.clone_url if of is None else None,
        "settings": {},
        "created_at": now,
        "copy_of": parent.id,
        "copy_key": str(key),
    }
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    adding = dialect.insert(job).on_conflict_do_nothing().returning(job.c.id)
    for path in copy_paths(parent.path, key):
        new: int | None = connection.execute(adding, {**values, "path": path}).scalar()
        number = new if new is not None else _find(connection, parent.id, key)  # that of somebody who was quicker
        if number is not None:
            return number, new is not None
    raise ConflictError(f"The names that a copy of {parent.path} for {key} could have are other jobs'.")
