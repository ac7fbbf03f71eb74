"""What an event of a repository does to a job: it builds the job itself or a copy, or a copy's time is over."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from hubwright.domain.builds import BUILDING_ACTIONS, merge_target
from hubwright.domain.job_copies import EVERYTHING, CopyKey, CopyKind, Link, copy_of_branch, copy_of_pull_request
from hubwright.domain.job_settings import Triggers
from hubwright.domain.repos import NO_COMMIT, PullRequestEvent, Push, RefEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class Linked:
    """What is asked of a job when something happens in a repository.

    `links` are those of the repository to this job; `own`: it is the job's own repository. `branches_of_pulls` are the
    branches of this repository that open pull requests come from, those that a link wants.
    """

    links: tuple[Link, ...] = ()
    triggers: Triggers = field(default_factory=Triggers)
    default_branch: str | None = None
    own: bool = True
    branches_of_pulls: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Builds:
    """The event is built: by the copy of this key, made or opened again where needed, or by the job itself (None)."""

    copy: CopyKey | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """The pull request or branch is gone: its copy, if there is one, is closed and archived after a while."""

    copy: CopyKey


def follow(event: Push | PullRequestEvent | RefEvent, linked: Linked) -> Builds | Ends | None:
    """What the event does to the job; None: nothing.

    A branch that a pull request comes from is built for the pull request only, where both have copies.
    """
    match event:
        case PullRequestEvent():
            return _follow_pull_request(event, linked)
        case Push() if event.deleted or event.after == NO_COMMIT:
            return _end_branch(event.branch, linked)
        case Push():
            return _follow_push(event, linked)
        case RefEvent() if event.action == "delete" and event.ref_type == "branch":
            return _end_branch(event.ref, linked)
        case _:
            return None


def _follow_pull_request(event: PullRequestEvent, linked: Linked) -> Builds | Ends | None:
    ends = event.action == "closed"
    links = _all_of(linked) if ends else linked.links
    keys = [copy_of_pull_request(link, event.number, event.base_ref) for link in links]
    key = next((one for one in keys if one is not None), None)
    if ends:
        return Ends(key) if key is not None else None
    if event.action not in BUILDING_ACTIONS:
        return None
    if key is not None:
        return Builds(key)
    return Builds() if linked.own and linked.triggers.want("pull_request", event.base_ref) else None


def _follow_push(event: Push, linked: Linked) -> Builds | None:
    if event.tag is not None:
        return Builds() if linked.own and linked.triggers.want("tag", event.tag) else None
    branch = event.branch or ""
    target = merge_target(branch)
    if target is not None:  # it must pass what pull requests must, and the next push has another branch
        return Builds() if linked.own and linked.triggers.want("pull_request", target) else None
    key = _copy_of(branch, linked)
    if key is not None:
        pulls = any(link.kind is CopyKind.PULL_REQUEST for link in linked.links)
        return None if pulls and branch in linked.branches_of_pulls else Builds(key)
    return Builds() if linked.own and linked.triggers.want("push", branch) else None


def _end_branch(branch: str | None, linked: Linked) -> Ends | None:
    if branch is not None and merge_target(branch) is not None:
        return None
    key = _copy_of(branch, replace(linked, links=_all_of(linked))) if branch is not None else None
    return Ends(key) if key is not None else None


def _all_of(linked: Linked) -> tuple[Link, ...]:
    """The links without their globs: what wanted a copy once may have changed since."""
    return tuple(replace(link, globs=EVERYTHING) for link in linked.links)


def _copy_of(branch: str, linked: Linked) -> CopyKey | None:
    keys = [copy_of_branch(link, branch, linked.default_branch) for link in linked.links]
    return next((one for one in keys if one is not None), None)
