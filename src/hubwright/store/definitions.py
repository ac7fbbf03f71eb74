"""Jobs as people define them: kept under their path, whether they were there or not."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from hubwright.domain.jobs import JobSettings
from hubwright.store.jobs import write_settings
from hubwright.store.repos import find_repository
from hubwright.store.schema import job


def keep_definition(
    connection: Connection,
    path: str,
    settings: JobSettings,
    source: tuple[str, str | None],
    *,
    enabled: bool,
    now: float,
) -> bool:
    """Keep the job at `path`, replacing its definition; whether it is new.

    `source` is `owner/name`, and the address to clone from where it is not GitHub's.
    """
    repository, clone_url = source
    values = {
        "repository": repository,
        "repository_id": connection.execute(select(find_repository(repository))).scalar(),
        "clone_url": clone_url,
        "settings": write_settings(settings),
        "enabled": enabled,
    }
    if connection.execute(update(job).where(job.c.path == path).values(values)).rowcount:
        return False
    connection.execute(insert(job).values(path=path, created_at=now, **values))
    return True
