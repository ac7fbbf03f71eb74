"""Facts of definitions: jobs, folders and copies come, change and go, and repositories are linked to them.

Call these in the transaction that does it; wake `facts` afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.job_copies import CopyKind
from hubwright.domain.job_differences import compare_definitions
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.jobs import JobSettings
from hubwright.domain.repos import Repository
from hubwright.store.definitions import Subject, find_subject
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import keep_job, load_job_by_id, load_jobs_at, load_jobs_by_ids
from hubwright.store.versions import Change, Kind

ROOT = "/"
"""The root folder in facts, whose path is nothing."""

MAX_PLACES = 20
"""Places that the fact of a change names."""

_NOBODY = "the hub"

_MADE = {Kind.JOB: FactKind.JOB_MADE, Kind.FOLDER: FactKind.FOLDER_MADE}
_CHANGED = {Kind.JOB: FactKind.JOB_CHANGED, Kind.FOLDER: FactKind.FOLDER_CHANGED}
_RESTORED = {Kind.JOB: FactKind.JOB_RESTORED, Kind.FOLDER: FactKind.FOLDER_RESTORED}
_REMOVED = {Kind.JOB: FactKind.JOB_REMOVED, Kind.FOLDER: FactKind.FOLDER_REMOVED}


def tell_step(
    connection: Connection,
    now: Subject,
    before: Mapping[str, Any] | None,
    change: Change,
    restored: int | None = None,
) -> None:
    """A job or folder, as it is now, is new (`before` is None) or says something else, or (`restored`) again what an
    older version of that number said."""
    data: dict[str, object] = {"version": now.version}
    if change.reason:
        data["reason"] = change.reason
    if before is None:
        kind = _MADE[now.kind]
    else:
        data["places"] = [one.pointer for one in compare_definitions(before, now.document)][:MAX_PLACES]
        kind = _CHANGED[now.kind]
    if restored is not None:
        kind, data["restored"] = _RESTORED[now.kind], restored
    _tell(connection, kind, now, change, data)


def tell_removal(connection: Connection, known: Subject, change: Change) -> None:
    """A job, copy or folder is gone."""
    _tell(connection, _REMOVED[known.kind], known, change)


def tell_link(
    connection: Connection, repository: Repository, kind: CopyKind, job: Subject, change: Change, *, on: bool
) -> None:
    """A repository's pull requests or branches are linked to a job, or not any more."""
    told = FactKind.REPOSITORY_LINKED if on else FactKind.REPOSITORY_UNLINKED
    _tell(connection, told, job, change, {"repository": repository.full_name, "kind": kind.value})


def tell_copy(connection: Connection, told: FactKind, copy: DefinedJob, now: float) -> None:
    """A copy was made, closed or opened again."""
    keep_facts(connection, [_of_copy(told, copy, now)])


def tell_closed(connection: Connection, number: int | None, now: float) -> None:
    """The copy with this number of ours was closed; None: there was none to close."""
    copy = load_job_by_id(connection, number) if number is not None else None
    if copy is not None:
        tell_copy(connection, FactKind.COPY_CLOSED, copy, now)


def tell_archived(connection: Connection, numbers: Sequence[int], now: float) -> None:
    """These copies went out of the lists."""
    copies = load_jobs_by_ids(connection, numbers)
    keep_facts(connection, [_of_copy(FactKind.COPY_ARCHIVED, copies[one], now) for one in numbers if one in copies])


def have_job(
    connection: Connection, repository: Repository, settings: JobSettings, now: float, clone_url: str | None = None
) -> DefinedJob:
    """As `store.jobs.keep_job`: the job of a repository that has none, told of when it is new."""
    paths = [repository.full_name, f"{repository.full_name}-{repository.id}"]  # both that it may have
    known = {one.id for one in load_jobs_at(connection, paths).values()}
    job = keep_job(connection, repository, settings, now, clone_url)
    if job.id not in known and (new := find_subject(connection, Kind.JOB, job.path)) is not None:
        tell_step(connection, new, None, Change(None, now))
    return job


def _of_copy(told: FactKind, copy: DefinedJob, now: float) -> Fact:
    data: dict[str, object] = {"job": copy.path, "parent": copy.parent, "copy": copy.copy_key}
    return Fact(kind=told, at=now, job_id=copy.id, data={**data, "repository": copy.repository})


def _tell(
    connection: Connection, kind: FactKind, of: Subject, change: Change, more: Mapping[str, object] | None = None
) -> None:
    is_job = of.kind is Kind.JOB
    name: dict[str, object] = {"job": of.path} if is_job else {"folder": of.path or ROOT}
    data = {**name, **(more or {}), "by": change.author or _NOBODY}
    keep_facts(connection, [Fact(kind=kind, at=change.at, job_id=of.id if is_job else None, data=data)])
