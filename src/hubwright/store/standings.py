"""How a job or copy stands: its newest build that says something of the code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from hubwright.domain.job_settings import DefinedJob
from hubwright.errors import NotFoundError
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.jobs import load_job, load_jobs_by_ids
from hubwright.store.repos import load_default_branch, load_default_branches
from hubwright.store.schema import build, job
from hubwright.store.views_values import JobView

_TELLING = ("success", "failure", "error", "timeout")  # a skip or a cancellation says nothing of the code


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

    Where nobody knows the default branch, of any branch. A statement for each name that default branches have.
    """
    defined = load_jobs_by_ids(connection, [one.id for one in jobs])
    told = load_default_branches(connection, {one.repository for one in defined.values()})
    branches: dict[str | None, list[int]] = defaultdict(list)
    for one in defined.values():
        branches[one.settings.default_branch or told.get(one.repository.lower())].append(one.id)
    newest = [row.newest for branch, ids in branches.items() for row in connection.execute(_newest(branch, ids))]
    columns = (build.c.job_id, build.c.id, build.c.number, build.c.result, build.c.finished_at)
    rows = connection.execute(select(*columns).where(build.c.id.in_([one for one in newest if one is not None])))
    return {row.job_id: Stands(*row[1:]) for row in rows}


def _newest(branch: str | None, jobs: list[int]) -> Select[Any]:
    """The newest build of each of these jobs that says something."""
    # without coalesce() SQLite would take the index of results, which has those of every job
    query = select(build.c.id).where(build.c.job_id == job.c.id, func.coalesce(build.c.result, "").in_(_TELLING))
    query = query.where(build.c.pull_request.is_(None), build.c.event != BUILT_FOR_IT).limit(1)
    if branch is None:
        query = query.order_by(build.c.number.desc())
    else:
        query = query.where(build.c.branch == branch).order_by(build.c.id.desc())
    return select(query.scalar_subquery().label("newest")).select_from(job).where(job.c.id.in_(jobs))


def _load_job_of(connection: Connection, repository: str) -> DefinedJob | None:
    """The oldest job that builds the repository of this name."""
    query = select(job.c.path).where(func.lower(job.c.repository) == repository.lower(), job.c.copy_of.is_(None))
    path = connection.execute(query.order_by(job.c.id).limit(1)).scalar()
    return load_job(connection, path) if path is not None else None
