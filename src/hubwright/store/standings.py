"""How a job or copy stands: its newest build that says something of the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from hubwright.domain.job_settings import DefinedJob
from hubwright.errors import NotFoundError
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.jobs import load_job, load_jobs_by_ids
from hubwright.store.repos import load_default_branch
from hubwright.store.schema import build, job
from hubwright.store.views_values import JobView

_TELLING = ("success", "failure", "error", "timeout")  # a skip or a cancellation says nothing of the code
_STANDS = (
    select(build.c.id, build.c.number, build.c.result, build.c.finished_at)
    # without coalesce() SQLite would take the index of results, which has those of every job
    .where(build.c.job_id == bindparam("job"), func.coalesce(build.c.result, "").in_(_TELLING))
    .where(build.c.pull_request.is_(None), build.c.event != BUILT_FOR_IT)
    .limit(1)
)
_OF_BRANCH = _STANDS.where(build.c.branch == bindparam("branch")).order_by(build.c.id.desc())
_OF_JOB = _STANDS.order_by(build.c.number.desc())


class Stands(NamedTuple):
    """The build that says how a job stands."""

    id: int
    number: int
    result: str
    finished_at: float


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


def load_standings(connection: Connection, jobs: Sequence[JobView]) -> dict[int, Stands]:
    """The newest build of each job's default branch that says how the job stands, by the job's number.

    Where nobody knows the default branch, of any branch.
    """
    defined = load_jobs_by_ids(connection, [one.id for one in jobs])
    found: dict[int, Stands] = {}
    for one in defined.values():
        branch = one.settings.default_branch or load_default_branch(connection, one.repository)
        query = _OF_JOB if branch is None else _OF_BRANCH
        row = connection.execute(query, {"job": one.id} | ({} if branch is None else {"branch": branch})).first()
        if row is not None:
            found[one.id] = Stands(*row)
    return found


def _load_job_of(connection: Connection, repository: str) -> DefinedJob | None:
    """The oldest job that builds the repository of this name."""
    query = select(job.c.path).where(func.lower(job.c.repository) == repository.lower(), job.c.copy_of.is_(None))
    path = connection.execute(query.order_by(job.c.id).limit(1)).scalar()
    return load_job(connection, path) if path is not None else None
