"""What the API shows of definitions, of what holds and where it comes from, of versions and of links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.job_differences import Difference
from hubwright.domain.job_inheritance import Effective
from hubwright.store.definitions import Subject, find_subject
from hubwright.store.folders import Folder
from hubwright.store.jobs import load_effective, load_effective_folder
from hubwright.store.links import KeptLink
from hubwright.store.triggers import load_times
from hubwright.store.versions import Kind, Version
from hubwright.store.views_jobs import load_job
from hubwright.store.views_values import JobView
from hubwright.web.api.answers import moment

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WholeJob:
    """A job or copy, what it says itself, what holds for it, and when it is built."""

    view: JobView
    subject: Subject
    effective: Effective
    times: Sequence[Row[Any]] = ()


def load_whole_job(connection: Connection, path: str) -> WholeJob:
    """The job or copy at a path. Raises NotFoundError."""
    view = load_job(connection, path)
    subject, effective = find_subject(connection, Kind.JOB, path), load_effective(connection, path)
    if subject is None or effective is None:  # it went away between two statements
        return load_whole_job(connection, path)
    return WholeJob(view, subject, effective, load_times(connection, view.id))


def write_times(times: Iterable[Row[Any]]) -> Document:
    """When schedules build the job next, and did last."""
    said = [
        {"cron": row.cron, "zone": row.zone, "next_at": moment(row.next_at), "last_at": moment(row.last_at)}
        for row in times
    ]
    return {"times": said}


def write_effective(effective: Effective) -> Document:
    """The values that hold, and whose each of them is by its JSON pointer."""
    origins = {
        pointer: {"source": origin.source.value, "path": origin.path, "text": str(origin)}
        for pointer, origin in effective.origins().items()
    }
    return {"effective": effective.document(), "origins": origins}


def write_folder(folder: Folder) -> Document:
    """A folder and what it says."""
    return {
        "path": folder.path,
        "parent": folder.parent,
        "definition": folder.settings,
        "version": folder.version,
        "created_at": moment(folder.created_at),
    }


def write_whole_folder(connection: Connection, folder: Folder) -> Document:
    """A folder, what it says, and what holds for jobs in it that say nothing themselves."""
    return write_folder(folder) | write_effective(load_effective_folder(connection, folder.path))


def write_version(version: Version, changes: tuple[Difference, ...]) -> Document:
    """A version: who, when, why, and at which places it said something else than the one before."""
    return {
        "number": version.number,
        "path": version.path,
        "author": version.author,
        "reason": version.reason,
        "at": moment(version.at),
        "changes": [{"pointer": one.pointer, "kind": one.kind} for one in changes],
    }


def write_difference(difference: Difference) -> Document:
    """A place that is not as it was."""
    return {
        "pointer": difference.pointer,
        "kind": difference.kind,
        "before": difference.before,
        "after": difference.after,
    }


def write_link(link: KeptLink) -> Document:
    """A link: whose pull requests or branches have copies of which job."""
    return {
        "repository": link.repository,
        "kind": link.kind.value,
        "job": link.job,
        "globs": list(link.globs),
    }
