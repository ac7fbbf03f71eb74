"""Which jobs and copies an event of a repository is about: its own jobs, and those that links bring its news to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from hubwright.domain.job_copies import CopyKey, CopyKind, Link, is_wanted
from hubwright.domain.job_events import Builds, Ends, Linked, follow
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.repos import PullRequestEvent, Push, RefEvent, Repository
from hubwright.hub.definition_facts import tell_closed, tell_copy
from hubwright.store.copies import close_copy, find_or_make_copy, foresee_copy, has_open_copy
from hubwright.store.jobs import keep_identity, load_job, load_jobs, load_jobs_by_ids
from hubwright.store.links import KeptLink, keep_link_identity, load_links
from hubwright.store.repos import is_gone, load_pull_targets

_PLACES = {CopyKind.BRANCH: "refs/heads/", CopyKind.PULL_REQUEST: "refs/pull/"}

News = Push | PullRequestEvent | RefEvent


@dataclass(frozen=True, slots=True)
class Effect:
    """What an event does to a job."""

    job: DefinedJob
    what: Builds | Ends


@dataclass(frozen=True, slots=True)
class Follower:
    """Who builds: a job itself or, where `effect` says so, its copy, which may not be there yet (number nought)."""

    job: DefinedJob
    effect: Effect | None = None


@dataclass(frozen=True, slots=True)
class Circle:
    """A repository with its `own` jobs, its links, and the `others` that these lead to."""

    repository: Repository
    own: Sequence[DefinedJob] = ()
    links: Sequence[KeptLink] = ()
    others: Sequence[DefinedJob] = ()

    @property
    def jobs(self) -> list[DefinedJob]:
        """All jobs that its news are about; copies are not among them."""
        return [*self.own, *self.others]

    @property
    def has_moved(self) -> bool:
        """Whether a job or link knows the repository by another number or name."""
        now = (self.repository.id, self.repository.full_name)
        jobs = any(job.clone_url is None and (job.repository_id, job.repository) != now for job in self.own)
        return jobs or any((link.repository_id, link.repository) != now for link in self.links)

    def follow(self, event: News, default_branch: str | None, pulled: Collection[str] = ()) -> list[Effect]:
        """What the event does to the jobs; a disabled one builds nothing. `pulled`: see `load_pulled`.

        What is gone ends copies also when the link is gone that they were made by.
        """
        found: list[Effect] = []
        for job in self.jobs:
            linked = self._see(job, default_branch, pulled)
            if _tells_an_end(event) and linked.own:
                linked = replace(linked, links=(*linked.links, *map(Link, CopyKind)))
            what = follow(event, linked)
            if what is not None and (job.enabled or isinstance(what, Ends)):
                found.append(Effect(job, what))
        return found

    def links_to(self, job: DefinedJob) -> tuple[Link, ...]:
        """The links as the job sees them."""
        own = job in self.own
        name, number = (None, None) if own else (self.repository.full_name, self.repository.id)
        return tuple(Link(one.kind, one.globs, name, number) for one in self.links if one.job_id == job.id)

    def _see(self, job: DefinedJob, default_branch: str | None, pulled: Collection[str]) -> Linked:
        return Linked(
            links=self.links_to(job),
            triggers=job.settings.triggers,
            default_branch=job.settings.default_branch or default_branch,
            own=job in self.own,
            branches_of_pulls=pulled,
        )


def _tells_an_end(event: News) -> bool:
    match event:
        case PullRequestEvent():
            return event.action == "closed"
        case Push():
            return event.deleted
        case RefEvent():
            return event.action == "delete"


def load_circle(connection: Connection, repository: Repository) -> Circle:
    """The jobs and links of a repository."""
    return complete_circle(connection, repository, load_links(connection, repository))


def load_circle_of(connection: Connection, repository: Repository, path: str) -> Circle:
    """The circle of one job alone, whose own repository was asked: others of that name may be about another one."""
    job = load_job(connection, path)
    if job is None:
        return Circle(repository)
    links = [link for link in load_links(connection, repository) if link.job_id == job.id]
    return Circle(repository, [job], links)


def complete_circle(connection: Connection, repository: Repository, links: Sequence[KeptLink]) -> Circle:
    """The circle of a repository that has these links."""
    own = load_jobs(connection, repository)
    linked = {link.job_id for link in links} - {job.id for job in own}
    others = load_jobs_by_ids(connection, sorted(linked)) if linked else {}
    there = [others[number] for number in sorted(others) if others[number].copy_of is None]  # it was not removed
    return Circle(repository, own, links, there)


def load_pulled(connection: Connection, circle: Circle, event: News) -> Collection[str]:
    """The pushed branch, when an open pull request comes from it that has a copy by a link."""
    pulls = next((link for link in circle.links if link.kind is CopyKind.PULL_REQUEST), None)
    if not isinstance(event, Push) or event.branch is None or pulls is None or len(circle.links) == 1:
        return ()
    targets = load_pull_targets(connection, circle.repository, event.branch)
    return {event.branch} if any(is_wanted(pulls.globs, target) for target in targets) else ()


def foresee(connection: Connection, circle: Circle, effect: Effect) -> Follower:
    """Who builds, with the settings that hold for it; nothing is made yet."""
    if not isinstance(effect.what, Builds) or effect.what.copy is None:
        return Follower(effect.job)
    of = None if effect.job in circle.own else circle.repository
    return Follower(foresee_copy(connection, effect.job, effect.what.copy, of), effect)


def find_followers(
    connection: Connection,
    circle: Circle,
    event: News,
    default_branch: str | None,
    effects: Sequence[Effect] | None = None,
) -> list[Follower]:
    """Who builds the event; `effects` are those that it has, if they are known already."""
    if effects is None:
        effects = circle.follow(event, default_branch, load_pulled(connection, circle, event))
    chosen = [foresee(connection, circle, one) for one in effects if isinstance(one.what, Builds)]
    return [one for one in chosen if one.job.enabled]


def keep_identities(connection: Connection, circle: Circle) -> None:
    """Have jobs and links know the repository by its number and its name of today."""
    for job in circle.own:
        keep_identity(connection, job, circle.repository)
    if circle.links:
        keep_link_identity(connection, circle.repository)


def have(connection: Connection, circle: Circle, follower: Follower, now: float) -> DefinedJob:
    """The job that builds: a copy is made or opened again, which is told. Raises ConflictError."""
    effect = follower.effect
    if effect is None or effect.what.copy is None:
        return follower.job
    of = None if effect.job in circle.own else circle.repository
    had = find_or_make_copy(connection, effect.job, effect.what.copy, now, of)
    keep_identity(connection, had.job, circle.repository)
    if had.news is not None:
        tell_copy(connection, had.news, had.job, now)
    return had.job


def end_any(connection: Connection, effects: Sequence[Effect]) -> bool:
    """Whether one of the effects ends a copy that there is."""
    ends = [(one.job.id, str(one.what.copy)) for one in effects if isinstance(one.what, Ends)]
    return bool(ends) and has_open_copy(connection, ends)


def close_gone(connection: Connection, circle: Circle, refs: Sequence[str], now: float) -> None:
    """Close the copies of branches (`refs/heads/…`) and pull requests (`refs/pull/N`) that GitHub lists no more."""
    for job in circle.jobs:
        for link in circle.links_to(job):
            for ref in refs:
                kind, name = _PLACES[link.kind], ref.removeprefix(_PLACES[link.kind])
                if ref.startswith(kind):
                    key = CopyKey(link.kind, name, link.repository, link.repository_id)
                    tell_closed(connection, close_copy(connection, job.id, key, now), now)


def close_ended(
    connection: Connection, circle: Circle, event: News, effects: Sequence[Effect], now: float, *, late: bool
) -> None:
    """Close the copies of what is gone: as the event says, unless GitHub has told later news of it already.

    A push may have waited for its repository until its branch was gone.
    """
    for effect in effects:
        key = effect.what.copy
        if key is None:
            continue
        ends = isinstance(effect.what, Ends)
        told = late or (isinstance(event, Push) and not ends)
        if is_gone(connection, circle.repository, key) if told else ends:
            tell_closed(connection, close_copy(connection, effect.job.id, key, now), now)
