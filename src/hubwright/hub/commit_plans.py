"""The plans of the commits that an event wants built: each is had from its repository, and its recipe read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hubwright.domain.builds import (
    ASKED_FOR,
    MERGE_GROUP,
    Building,
    BuildPlan,
    Wanted,
    commits_to_build,
    manual_to_build,
    pull_request_to_build,
)
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.jobs import Job, JobSettings
from hubwright.domain.repos import Manual, PullRequestEvent, Push, Trust
from hubwright.errors import HubwrightError, VanishedCommitError
from hubwright.git.history import describe_commits
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.github.payloads import is_skipped
from hubwright.hub.plans import Base, Ground, ground_of, plan_build, takes_base, vanished_plan
from hubwright.store.builds import was_pushed
from hubwright.store.database import Database


class CommitPlans:
    """Reads the database and asks repositories; writes nothing. Called from several threads."""

    def __init__(self, database: Database, mirrors: Mirrors, origin_of: Callable[[Job], Origin]) -> None:
        self._database = database
        self._mirrors = mirrors
        self._origin_of = origin_of

    def plan_job(self, job: DefinedJob, event: Building, ground: Ground, *, delay: float | None) -> list[BuildPlan]:
        """All plans of a job. When its repository does not answer, it is not asked again for the next commit."""
        plans: list[BuildPlan] = []
        wanted = find_wanted(event, job.settings)
        for wish in wanted:
            try:
                plans.append(self.plan(job, wish, ground))
            except HubwrightError as error:
                fault = "error" if delay is None else None
                rest = wanted[len(plans) :]
                return plans + [BuildPlan(wanted=one, problem=str(error), waits=delay, fault=fault) for one in rest]
        return plans

    def plan(self, job: DefinedJob, wanted: Wanted, ground: Ground) -> BuildPlan:
        """The plan of one commit. Raises HubwrightError when the repository does not answer."""
        origin = self._origin_of(job)
        ground = ground_of(job, ground)
        try:
            if job.settings.checkout or job.settings.recipe is None:
                self._mirrors.fetch(origin, wanted.sha, wanted.ref)
                wanted = self._trusted(origin, job, wanted)
            base = self._find_base(origin, wanted, ground) if takes_base(job, wanted, ground) else None
        except VanishedCommitError as error:
            return vanished_plan(wanted, error)
        return plan_build(self._mirrors, origin, job, self._described(origin, wanted), ground, base)

    def _trusted(self, origin: Origin, job: Job, wanted: Wanted) -> Wanted:
        """A wish names any commit: one that was never pushed to the repository is what a fork brought (S17)."""
        if wanted.event not in ASKED_FOR or wanted.trust is Trust.UNTRUSTED:
            return wanted
        with self._database.reading() as connection:
            known = was_pushed(connection, job.repository, wanted.sha)
        ours = known or self._mirrors.is_reachable(origin, wanted.sha)
        return wanted if ours else replace(wanted, trust=Trust.UNTRUSTED)

    def _find_base(self, origin: Origin, wanted: Wanted, ground: Ground) -> Base:
        """The newest commit of the branch that the pull request is for, or of the default branch, in the mirror."""
        branch = wanted.target_branch or ground.default_branch
        heads = self._mirrors.read_heads(origin)
        sha = heads.get(f"refs/heads/{branch}" if branch else "HEAD")
        if sha is None:
            raise VanishedCommitError(f"{origin.repository} has no branch {branch or 'at all'}, whose recipe counts.")
        self._mirrors.fetch(origin, sha, f"refs/heads/{branch}" if branch else "HEAD")
        return Base(branch or "the default branch", sha)

    def _described(self, origin: Origin, wanted: Wanted) -> Wanted:
        """A wish names a commit only: its author and subject are those of the mirror, when it has the commit."""
        if wanted.event not in ASKED_FOR:
            return wanted
        told = describe_commits(self._mirrors, origin, [wanted.sha]).get(wanted.sha)
        return wanted if told is None else replace(wanted, message=told.subject, author_name=told.author)


def find_wanted(event: Building, settings: JobSettings) -> list[Wanted]:
    """The commits that the event wants built, but for those that say they want none."""
    match event:
        case Push():
            wanted = commits_to_build(event, settings)
        case PullRequestEvent():
            wanted = pull_request_to_build(event)
        case Manual():
            return manual_to_build(event)
    return [wish for wish in wanted if wish.event == MERGE_GROUP or not is_skipped(wish.message)]  # its queue waits
