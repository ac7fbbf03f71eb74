"""What GitHub is told besides states: where in the files the problems are, how branches and pull requests stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from hubwright.domain.jobs import JobSettings
from hubwright.domain.repos import Repository
from hubwright.store.jobs import load_jobs_at
from hubwright.store.schema import build, gh_pull_request, gh_repository, job, problem
from hubwright.store.views import load_build, load_rows
from hubwright.store.views_results import ProblemView
from hubwright.store.views_values import BuildView

_TELLING = ("success", "failure", "error", "timeout")  # a skip or a cancellation says nothing of the code
_SEARCHED = "bisect"
_MOST_PULLS = 20


@dataclass(frozen=True, slots=True)
class Problems:
    """The worst problems of a run, each with a file, in an order that never changes; `more` were left out."""

    items: tuple[ProblemView, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Pull:
    """An open pull request and its head."""

    number: int
    sha: str


def load_placed_problems(connection: Connection, run_id: int, limit: int) -> Problems:
    """The problems of a run that name a file."""
    placed = (problem.c.run_id == run_id, problem.c.file.is_not(None), problem.c.file != "")
    rank = case((problem.c.severity == "error", 0), (problem.c.severity == "warning", 1), else_=2)
    query = select(*problem.c).where(*placed).order_by(rank, problem.c.id).limit(limit)
    items = tuple(ProblemView(**row) for row in load_rows(connection, query))
    count = connection.execute(select(func.count()).select_from(problem).where(*placed)).scalar_one()
    return Problems(items, count - len(items))


def load_builds_of(connection: Connection, repository: Repository, sha: str) -> list[int]:
    """The newest build of each job and copy of the repository at a commit.

    None of searches, none that had nothing to do.
    """
    query = (
        select(func.max(build.c.id))
        .join(job, job.c.id == build.c.job_id)
        .where(build.c.sha == sha, build.c.event != _SEARCHED, job.c.clone_url.is_(None))
        .where(
            (job.c.repository_id == repository.id)
            | (job.c.repository_id.is_(None) & (func.lower(job.c.repository) == repository.full_name.lower()))
        )
        .where(func.coalesce(build.c.result, "") != "skip")
        .group_by(build.c.job_id)
    )
    return sorted(connection.execute(query).scalars())


def load_open_pulls(connection: Connection, repository: str, branch: str) -> list[Pull]:
    """The open pull requests whose head is a branch of that name, in the repository or a fork, newest first."""
    known = select(job.c.repository_id).where(
        func.lower(job.c.repository) == repository.lower(), job.c.copy_of.is_(None), job.c.clone_url.is_(None)
    )
    query = (
        select(gh_pull_request.c.number, gh_pull_request.c.head_sha)
        .where(gh_pull_request.c.repository_id.in_(known), gh_pull_request.c.head_ref == branch)
        .where(gh_pull_request.c.state == "open", gh_pull_request.c.deleted_at.is_(None))
        .where(gh_pull_request.c.head_sha.is_not(None))
        .order_by(gh_pull_request.c.number.desc())
        .limit(_MOST_PULLS)
    )
    return [Pull(row.number, row.head_sha) for row in connection.execute(query)]


def load_settings_of(connection: Connection, paths: Sequence[str]) -> dict[str, JobSettings]:
    """The settings of jobs, by path; none of jobs that have an address of their own."""
    return {path: one.settings for path, one in load_jobs_at(connection, paths).items() if one.clone_url is None}


def load_verdict(connection: Connection, path: str) -> BuildView | None:
    """The newest build of a job on its repository's default branch that says something of the code."""
    query = (
        select(build.c.id)
        .join(job, job.c.id == build.c.job_id)
        .join(gh_repository, gh_repository.c.id == job.c.repository_id)
        .where(job.c.path == path, build.c.branch == gh_repository.c.default_branch, build.c.state == "finished")
        .where(build.c.result.in_(_TELLING), build.c.pull_request.is_(None), build.c.event != _SEARCHED)
        .order_by(build.c.number.desc())
        .limit(1)
    )
    number = connection.execute(query).scalar()
    return None if number is None else load_build(connection, number)
