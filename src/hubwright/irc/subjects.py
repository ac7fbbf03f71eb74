"""What people mean when they name a job, a branch, a pull request or a build in a few letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from hubwright.domain.job_settings import DefinedJob
from hubwright.errors import NotFoundError
from hubwright.store.irc import load_repositories
from hubwright.store.irc_subjects import load_newest_of_pull, load_paths_of
from hubwright.store.jobs import load_job, load_job_by_id
from hubwright.store.repos import load_default_branch
from hubwright.store.views import load_build, load_builds
from hubwright.store.views_names import load_job_names
from hubwright.store.views_values import BuildFilter, BuildView

_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_PULL = re.compile(r"(.*?)(?:(?<![A-Za-z0-9])PR)?#([0-9]{1,9})\Z|()PR-?([0-9]{1,9})\Z", re.IGNORECASE)
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Meant:
    """A build by its number of the hub, or a job's branch or pull request; None: not said."""

    build: int | None = None
    job: str | None = None
    pull: int | None = None
    branch: str | None = None


def read_meant(words: Sequence[str]) -> Meant:
    """`4711`, `JOB`, `JOB BRANCH`, `JOB PR#12`, `OWNER/NAME#12`, `#12` or nothing. Pure."""
    if not words:
        return Meant()
    first, second = words[0], words[1] if len(words) > 1 else None
    if _NUMBER.match(first):
        return Meant(build=int(first))
    if found := _PULL.match(first):
        return Meant(job=found[1] or None, pull=int(found[2] or found[4]))
    if second is not None and (found := _PULL.match(second)) and not found[1]:
        return Meant(job=first, pull=int(found[2] or found[4]))
    return Meant(job=first, branch=second)


def find_job(connection: Connection, name: str, channel: str | None) -> DefinedJob:
    """The job of that path, repository or last name: what the channel hears of comes first. Raises NotFoundError."""
    exact = load_job(connection, name)
    if exact is not None and exact.copy_of != exact.id:
        return exact
    paths = load_paths_of(connection, name) if "/" in name else _find_short(connection, name, channel)
    if not paths:
        raise NotFoundError(f"There is no job {name[:100]}.")
    if len(paths) > 1 and "/" not in name:
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        raise NotFoundError(f"Several jobs are called {name[:100]}: {', '.join(paths[:_NAMED])}{more}.")
    found = load_job(connection, paths[0])
    if found is None:
        raise NotFoundError(f"There is no job {name[:100]}.")
    return found


def find_jobs_of(connection: Connection, channel: str | None) -> list[DefinedJob]:
    """A job of each repository that was added to the channel."""
    if channel is None:
        return []
    repositories = [name for _, name in load_repositories(connection, channel)]
    paths = [found[0] for name in repositories if (found := load_paths_of(connection, name))]
    return [job for path in paths if (job := load_job(connection, path)) is not None]


def find_build(connection: Connection, meant: Meant, channel: str | None, *, ended: bool = False) -> BuildView:
    """The build that is meant: the newest of the branch, default branch or pull request; `ended`: that has ended.

    Without a job, of the job that the channel is about, if that is one. Raises NotFoundError.
    """
    if meant.build is not None:
        return load_build(connection, meant.build)
    job = find_job(connection, meant.job, channel) if meant.job is not None else _only_job(connection, channel)
    if meant.pull is not None:
        number = load_newest_of_pull(connection, job.repository, meant.pull, ended=ended)
        if number is None:
            raise NotFoundError(f"No build of {job.repository}#{meant.pull} is known here.")
        return load_build(connection, number)
    found = find_newest(connection, job, meant.branch, ended=ended)
    if found is None:
        raise NotFoundError(f"{job.path} has no build{f' of {meant.branch[:100]}' if meant.branch else ''} yet.")
    return found


def find_newest(
    connection: Connection, job: DefinedJob, branch: str | None, *, ended: bool = False
) -> BuildView | None:
    """The newest build of a job's branch; without one, of its default branch, else of any."""
    state = "finished" if ended else None
    for named in (branch,) if branch is not None else (find_default(connection, job), None):
        wanted = BuildFilter(job=job.path, branch=named, state=state, told=True)
        found = load_builds(connection, wanted, 1).items
        if found:
            return found[0]
    return None


def find_default(connection: Connection, job: DefinedJob) -> str | None:
    """The branch that says how a job stands; None for copies, which have one, and where nobody knows it."""
    if job.copy_of is not None:
        return None
    return job.settings.default_branch or load_default_branch(connection, job.repository)


def find_job_of(connection: Connection, build: BuildView) -> DefinedJob | None:
    """The job that a build is of."""
    return load_job_by_id(connection, build.job_id)


def _only_job(connection: Connection, channel: str | None) -> DefinedJob:
    jobs = find_jobs_of(connection, channel)
    if len(jobs) != 1:
        raise NotFoundError("Which job? Say its name.")
    return jobs[0]


def _find_short(connection: Connection, name: str, channel: str | None) -> list[str]:
    """The paths of the jobs that end so, or build a repository that ends so; of the channel's ones alone, if any."""
    low = name.lower()
    near = [] if channel is None else find_jobs_of(connection, channel)
    own = [one.path for one in near if _ends((one.path, one.repository), low)]
    return own or sorted({one.path for one in load_job_names(connection) if _ends(one, low)})


def _ends(names: Sequence[str], low: str) -> bool:
    return low in {one.rpartition("/")[2].lower() for one in names}
