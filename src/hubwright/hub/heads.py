"""What is to be built where a branch or tag is known, and not yet the commit: the repository itself is asked."""

from __future__ import annotations

from dataclasses import replace

from hubwright.domain.builds import Building
from hubwright.domain.job_copies import CopyKind, read_copy_key
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.jobs import Commits, Job
from hubwright.domain.repos import NO_COMMIT, Commit, Manual, Push
from hubwright.errors import UnprocessableError
from hubwright.git.history import list_new_commits
from hubwright.git.mirrors import Mirrors, Origin


def find_head(mirrors: Mirrors, origin: Origin, job: Job, ref: str | None) -> tuple[str, str]:
    """Commit and full name of a branch or tag, or of the job's default branch, or what a copy is of; blocks.

    Raises SourceError, UnprocessableError.
    """
    own = _of_copy(job) if ref is None else None
    refs = mirrors.read_refs(origin, also=own)
    default = own or (job.settings.default_branch if isinstance(job, DefinedJob) else None) or refs.default_branch
    names = _names(ref or default or "HEAD")
    name = next((one for one in names if one in refs.heads), None)
    if name is None:
        raise UnprocessableError(f"{job.repository} has no branch or tag {ref or default or 'with a commit'}.")
    return refs.heads[name], name


def is_open(event: object) -> bool:
    """Whether the repository has to be asked first: for the newest commit of a ref, or what a moved head brought."""
    if isinstance(event, Manual):
        return not event.sha
    return isinstance(event, Push) and event.job_path is not None and not event.commits and event.after != NO_COMMIT


def settle(mirrors: Mirrors, origin: Origin, job: Job, event: Building) -> Building:
    """The event with what its repository tells; blocks. Raises SourceError, UnprocessableError."""
    if isinstance(event, Manual):
        sha, ref = find_head(mirrors, origin, job, None if event.ref == "HEAD" else event.ref)
        return replace(event, sha=sha, ref=ref, trigger=event.trigger)
    if not isinstance(event, Push):
        return event
    mirrors.fetch(origin, event.after, event.ref)
    bound = job.settings.max_commits_per_push if job.settings.commits is Commits.EACH else 1
    told = list_new_commits(mirrors, origin, event.before, event.after, bound)
    commits = tuple(
        Commit(sha=one.sha, message=one.message, author_name=one.author, timestamp=one.at) for one in reversed(told)
    )
    return replace(event, commits=commits, head_commit=commits[-1] if commits else None)


def _of_copy(job: Job) -> str | None:
    """The ref that a copy builds."""
    if not isinstance(job, DefinedJob) or job.copy_key is None:
        return None
    key = read_copy_key(job.copy_key)
    if key.name.startswith("~"):  # it is no copy, but a job that was removed
        return None
    return f"refs/pull/{key.name}/head" if key.kind is CopyKind.PULL_REQUEST else f"refs/heads/{key.name}"


def _names(ref: str) -> list[str]:
    """What a name may mean: a full ref, else a branch before a tag."""
    return [ref] if ref.startswith("refs/") or ref == "HEAD" else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
