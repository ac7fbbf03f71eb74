"""Jobs and builds as people on IRC name them."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from hubwright.store.schema import build, job

MOST = 20
"""Jobs of one repository that are looked at."""


def load_paths_of(connection: Connection, repository: str) -> list[str]:
    """The paths of the jobs that build the repository of this name, in any case, oldest first."""
    query = select(job.c.path).where(func.lower(job.c.repository) == repository.lower(), job.c.copy_of.is_(None))
    return list(connection.execute(query.order_by(job.c.id).limit(MOST)).scalars())


def load_newest_of_pull(connection: Connection, repository: str, number: int, *, ended: bool) -> int | None:
    """The newest build of a pull request; `ended`: of those that have."""
    query = select(build.c.id).where(build.c.repository == repository, build.c.pull_request == number)
    query = query.where(build.c.pull_request.is_not(None)).order_by(build.c.id.desc()).limit(1)
    if ended:
        query = query.where(build.c.state == "finished")
    newest: int | None = connection.execute(query).scalar()
    return newest
