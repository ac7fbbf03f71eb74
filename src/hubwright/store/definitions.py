"""Jobs as people define them: kept under their path, whether they were there or not, with a version for each change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from hubwright.domain.job_settings import write_document
from hubwright.domain.jobs import JobSettings
from hubwright.store.jobs import add_job, whole_document
from hubwright.store.repos import find_repository
from hubwright.store.schema import job
from hubwright.store.versions import Change, Kind, keep_version

_COLUMNS = ("repository", "clone_url", "enabled")


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
    return False


def load_document(connection: Connection, path: str) -> dict[str, Any] | None:
    """The whole own definition of the job or copy at a path, as versions of it have it."""
    row = connection.execute(select(*job.c).where(job.c.path == path)).one_or_none()
    return whole_document(row._asdict()) if row is not None else None
