"""From what was pushed to what is to be built: which commits, in which order, and the plan of each build."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hubwright.domain.jobs import Commits, JobSettings
from hubwright.domain.limits import UNLIMITED, Limits
from hubwright.domain.matching import Circumstances
from hubwright.domain.planning import PlannedRun
from hubwright.domain.recipe_values import Cache, Service
from hubwright.domain.repos import NO_COMMIT, Commit, Manual, PullRequestEvent, Push, Trust

HEAD_PRIORITY = 10
"""The newest commit goes first; the older ones of its push have nought and less, the older the less."""

MANUAL_PRIORITY = 20
"""Somebody waits for it."""

MANUAL, SCHEDULE, DEPENDENCY, RELEASE = "manual", "schedule", "dependency", "release"
ASKED_FOR = frozenset({MANUAL, SCHEDULE, DEPENDENCY, RELEASE})
"""Events of builds that are asked for by name of a ref or commit; what the commit is tells its repository."""

Building = Push | PullRequestEvent | Manual
"""What asks for builds."""

MERGE_GROUP = "merge_group"
"""The event of a build of what GitHub's merge queue is about to merge."""

_QUEUED = re.compile(r"gh-readonly-queue/(.+)/pr-[0-9]+-[0-9a-f]+")

BUILDING_ACTIONS = frozenset({"opened", "reopened", "synchronize", "ready_for_review"})
"""What a pull request does when its head may be new to us."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One commit that somebody wants built.

    `trigger` is the same for the same wish, so that a push that comes twice builds once; `head` is false for the
    older commits of a push, which are not built again when the job has built them already.
    """

    sha: str
    ref: str
    event: str
    trigger: str
    message: str = ""
    author_name: str | None = None
    author_login: str | None = None
    branch: str | None = None
    tag: str | None = None
    target_branch: str | None = None
    pull_request: int | None = None
    trust: Trust = Trust.TRUSTED
    labels: tuple[str, ...] = ()
    paths: tuple[str, ...] | None = None
    before: str | None = None
    timestamp: str | None = None
    head_repository_id: int | None = None
    priority: int = HEAD_PRIORITY
    head: bool = True
    parameters: tuple[tuple[str, str], ...] = ()

    def circumstances(self) -> Circumstances:
        """What the rules of a recipe are asked against; what is to be merged must pass what pull requests must."""
        return Circumstances(
            event="pull_request" if self.event == MERGE_GROUP else self.event,
            branch=self.target_branch or self.branch,
            tag=self.tag,
            paths=self.paths,
            labels=self.labels,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildPlan:
    """A build to be. Without `runs` it ends at once: as an error or failure when `problem` says why, else as a skip.

    `waits` means that the repository could not be reached yet: the build is kept as queued, and planned in so many
    seconds.
    """

    wanted: Wanted
    runs: tuple[PlannedRun, ...] = ()
    recipe: str | None = None
    problem: str | None = None
    fault: str | None = None  # the result that the problem means: failure (theirs) or error (ours)
    timeout: int | None = None
    env: tuple[tuple[str, str], ...] = ()
    limits: Limits = UNLIMITED
    warnings: tuple[str, ...] = ()
    caches: tuple[Cache, ...] = ()
    services: tuple[Service, ...] = ()
    waits: float | None = None


def commits_to_build(push: Push, settings: JobSettings) -> list[Wanted]:
    """The commits of a push that are to be built, head first; none when the ref was deleted."""
    if push.deleted or push.after == NO_COMMIT:
        return []
    head = _wanted(push, push.head_commit or _named(push), _head_of(push))
    target = merge_target(push.branch or "")
    if target is not None:
        return [replace(head, event=MERGE_GROUP, target_branch=target, paths=None)]
    if push.tag is not None or settings.commits is not Commits.EACH:
        return [head]
    older = list({commit.sha: commit for commit in reversed(push.commits) if commit.sha != push.after}.values())
    if push.created or push.forced:
        # GitHub lists commits that other branches may have brought already; `distinct` tells the new ones.
        older = [commit for commit in older if commit.distinct]
    bound = max(settings.max_commits_per_push - 1, 0)
    wanted = [_wanted(push, commit, commit.sha) for commit in older[:bound]]
    return [head, *(replace(one, priority=-age, head=False) for age, one in enumerate(wanted))]


def merge_target(branch: str) -> str | None:
    """The branch that GitHub's merge queue wants to merge into, when this is one of its own branches."""
    queued = _QUEUED.fullmatch(branch)
    return queued[1] if queued is not None else None


def pull_request_to_build(event: PullRequestEvent) -> list[Wanted]:
    """The head of a pull request, when the event may have changed it."""
    if event.action not in BUILDING_ACTIONS:
        return []
    ref = f"refs/pull/{event.number}/head" if event.from_fork else f"refs/heads/{event.head_ref}"
    wanted = Wanted(
        sha=event.head_sha,
        ref=f"refs/pull/{event.number}/head",
        event="pull_request",
        trigger=f"{ref}@{event.head_sha}",  # within one repository the push of the same commit is the same wish
        message=event.title,
        author_name=event.author_login,
        author_login=event.author_login,
        branch=event.head_ref,
        target_branch=event.base_ref,
        pull_request=event.number,
        trust=Trust.UNTRUSTED if event.from_fork else Trust.TRUSTED,
        labels=event.labels,
        before=event.base_sha,
        head_repository_id=event.head_repository.id if event.head_repository else None,
    )
    return [wanted]


def manual_to_build(wish: Manual) -> list[Wanted]:
    """What somebody asked for."""
    branch = wish.ref.removeprefix("refs/heads/") if wish.ref.startswith("refs/heads/") else None
    tag = wish.ref.removeprefix("refs/tags/") if wish.ref.startswith("refs/tags/") else None
    return [
        Wanted(
            sha=wish.sha,
            ref=wish.ref,
            event=wish.event,
            trigger=wish.trigger,
            message=f"Asked for by {wish.asked_by}" if wish.asked_by else "",
            author_login=wish.asked_by,
            branch=branch,
            tag=tag,
            priority=MANUAL_PRIORITY if wish.event == MANUAL else HEAD_PRIORITY,
            parameters=tuple(wish.parameters.items()),
            trust=wish.trust,
        )
    ]


def _head_of(push: Push) -> str:
    """The commit that was pushed. Of an annotated tag `after` is the tag's own object, which has no statuses."""
    return push.head_commit.sha if push.tag is not None and push.head_commit is not None else push.after


def _named(push: Push) -> Commit:
    return next((commit for commit in push.commits if commit.sha == push.after), Commit(sha=push.after, message=""))


def _wanted(push: Push, commit: Commit, sha: str) -> Wanted:
    return Wanted(
        sha=sha,
        ref=push.ref,
        event="tag" if push.tag is not None else "push",
        trigger=f"{push.ref}@{sha}",
        message=commit.message,
        author_name=commit.author_name,
        author_login=commit.author_login,
        branch=push.branch,
        tag=push.tag,
        paths=changed_paths(commit),
        before=push.before,
        timestamp=commit.timestamp,
    )


def changed_paths(commit: Commit) -> tuple[str, ...] | None:
    """The files that the commit touched; None when the push did not tell."""
    return (*commit.added, *commit.removed, *commit.modified) or None
