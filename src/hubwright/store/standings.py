"""How a job or copy stands: its newest build that says something of the code."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from hubwright.domain.job_settings import DefinedJob
from hubwright.errors import NotFoundError
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.jobs import load_job
from hubwright.store.repos import load_default_branch
from hubwright.store.schema import build, job

_TELLING = ("success", "failure", "error", "timeout")  # a skip or a cancellation says nothing of the code


def load_standing(
    connection: Connection, path: str, branch: str | None = None, *, of_repository: bool = True
) -> str | None:
    """The result of the newest build that has one; None where there is none. Raises NotFoundError.

    `path` is a job's, a copy's or, with `of_repository`, the `owner/name` of what a job builds. Of a job it is the
    result on its default branch or on `branch`, of a copy that of all that it has built.
    """
    found = load_job(connection, path) or (_load_job_of(connection, path) if of_repository else None)
    if found is None:
        raise NotFoundError(f"There is no job {path[:400]!r}.")
    query = select(build.c.result).where(build.c.job_id == found.id)
    if found.copy_of is None:
        named = branch or found.settings.default_branch or load_default_branch(connection, found.repository)
        if named is not None:
            query = query.where(build.c.branch == named)
        query = query.where(build.c.pull_request.is_(None)).order_by(build.c.id.desc())
    else:
        query = query.order_by(build.c.number.desc())
    telling = (build.c.result.in_(_TELLING), build.c.event != BUILT_FOR_IT)
    result: str | None = connection.execute(query.where(*telling).limit(1)).scalar()
    return result


def _load_job_of(connection: Connection, repository: str) -> DefinedJob | None:
    """The oldest job that builds the repository of this name."""
    query = select(job.c.path).where(func.lower(job.c.repository) == repository.lower(), job.c.copy_of.is_(None))
    path = connection.execute(query.order_by(job.c.id).limit(1)).scalar()
    return load_job(connection, path) if path is not None else None
