"""Which job a repository's pull requests and branches have copies of, as people say; call these in a transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from hubwright.domain.job_copies import CopyKind
from hubwright.domain.repos import Repository
from hubwright.hub.definition_facts import tell_link
from hubwright.store.definitions import Subject, find_subject
from hubwright.store.links import KeptLink, drop_link, keep_link, load_link
from hubwright.store.versions import Change, Kind


def link(
    connection: Connection, repository: Repository, kind: CopyKind, job: Subject, globs: Sequence[str], change: Change
) -> bool:
    """Link them to a job instead of any before; whether the link is new. What is so already is not told."""
    before = load_link(connection, repository, kind)
    if before is not None and (before.job_id, list(before.globs)) == (job.id, list(globs)):
        return False
    new = keep_link(connection, repository, kind, job.id, globs, change.at)
    if before is not None and before.job_id != job.id:
        _tell_end(connection, repository, before, change)
    tell_link(connection, repository, kind, job, change, on=True)
    return new


def unlink(connection: Connection, repository: Repository, kind: CopyKind, change: Change) -> bool:
    """Link them to no job any more, their copies stay; whether there was a link."""
    before = load_link(connection, repository, kind)
    if before is None or not drop_link(connection, repository, kind):
        return False
    _tell_end(connection, repository, before, change)
    return True


def _tell_end(connection: Connection, repository: Repository, link: KeptLink, change: Change) -> None:
    job = find_subject(connection, Kind.JOB, link.job)
    if job is not None:
        tell_link(connection, repository, link.kind, job, change, on=False)
