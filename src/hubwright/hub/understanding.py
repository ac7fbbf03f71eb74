"""What an event asks for: which commits of which jobs, had and planned; the writing is left to the caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from hubwright.domain.builds import RELEASE, Building, BuildPlan
from hubwright.domain.jobs import Job, JobSettings
from hubwright.domain.repos import (
    ApprovalComment,
    Backfill,
    CheckRequest,
    Event,
    Manual,
    PullRequestEvent,
    Push,
    RefEvent,
    ReleaseEvent,
    Repository,
)
from hubwright.errors import HubwrightError, UnprocessableError
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.approvals import approve_head
from hubwright.hub.backfill import fill_gap, find_gap
from hubwright.hub.check_requests import fulfil
from hubwright.hub.commit_plans import CommitPlans, find_wanted
from hubwright.hub.definition_facts import have_job
from hubwright.hub.followers import (
    Circle,
    Effect,
    Follower,
    close_ended,
    find_followers,
    have,
    keep_identities,
    load_circle,
    load_circle_of,
    load_pulled,
)
from hubwright.hub.heads import is_open, settle
from hubwright.hub.news import keep_event
from hubwright.hub.plans import Ground, ground_of, is_limited, keep_plans
from hubwright.hub.wishes import Later, ask_later
from hubwright.store import jobs, repos
from hubwright.store.builders import load_kinds
from hubwright.store.builds import load_triggers
from hubwright.store.database import Database


def _no_token(_owner: str) -> str | None:
    return None


def refuse(_repository: Repository, _login: str, _user_id: int) -> str:
    """Why nobody may approve through GitHub while there is no token to ask with."""
    return "this hub has no token to ask GitHub who may write: set GITHUB__TOKEN, or approve with a token of the hub"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What understanding is told once. `owners` empty = all that the signature vouches for."""

    clone_base: str
    ground: Ground
    token_of: Callable[[str], str | None] = _no_token  # the token for an owner's repositories
    refusal_of: Callable[[Repository, str, int], str | None] = refuse  # why a GitHub user may not approve
    app_id_of: Callable[[], str | None] = lambda: None  # the number or client's id of this hub's App
    owners: tuple[str, ...] = ()
    defaults: JobSettings = field(default_factory=JobSettings)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who builds an event, and what it does to the jobs and copies of its repository's circle."""

    event: Building
    circle: Circle
    effects: Sequence[Effect] = ()
    builds: Sequence[Follower] = ()


@dataclass(frozen=True, slots=True)
class Understood:
    """What is to be written: `keep` does it and gives the outcome in words; `waits` says why it is not all yet.

    `limited`: builds may have to be admitted then.
    """

    keep: Callable[[Connection, float], str]
    waits: str | None = None
    limited: bool = False


class Understanding:
    """Reads the database, asks the repository, plans; writes nothing. Called from several threads."""

    def __init__(self, database: Database, mirrors: Mirrors, rules: Rules) -> None:
        self._database = database
        self._mirrors = mirrors
        self._plans = CommitPlans(database, mirrors, self.origin_of)
        self._rules = rules

    def understand(self, event: Event, *, delay: float | None) -> Understood:
        """What the event leads to. A repository that does not answer is asked again in `delay` seconds.

        None: it has been asked often enough, and its builds end.
        """
        match event:
            case Push() | PullRequestEvent() | Manual():
                understand = self._understand_open if is_open(event) else self._understand_commits
                return understand(event, delay=delay)
            case ApprovalComment():
                return self._understand_comment(event, delay=delay)
            case CheckRequest():
                return self._understand_request(event, delay=delay)
            case Backfill():
                return self._understand_backfill(event, delay=delay)
            case _:
                return self._understand_news(event)

    def _understand_news(self, event: Event) -> Understood:
        """What nobody has to be asked about."""
        match event:
            case RefEvent(action="delete", ref_type="branch"):
                return self._understand_end(event)
            case ReleaseEvent():
                return self._understand_release(event)
            case _:
                return _just_keep(event, "kept")

    def find_waiting(self, event: Event) -> list[int]:
        """The builds that the event has led to already. Those without runs wait for it to be understood."""
        if not isinstance(event, Push | PullRequestEvent | Manual):
            return []
        found: list[int] = []
        with self._database.reading() as connection:
            ground = self._ground(connection, event.repository)
            for follower in self._find_followers(connection, event, ground).builds:
                triggers = [wish.trigger for wish in find_wanted(event, follower.job.settings)]
                found += [row.id for row in load_triggers(connection, follower.job.id, triggers).values()]
        return found

    def _understand_comment(self, event: ApprovalComment, *, delay: float | None) -> Understood:
        if event.sha is None:
            return _just_keep(
                event, "not approved: the first line must be `/hubwright approve` and the whole commit id"
            )
        return self._for_writers(
            event, lambda connection, now: approve_head(connection, event, now), "not approved", delay
        )

    def _understand_request(self, event: CheckRequest, *, delay: float | None) -> Understood:
        """Others' check runs may have any name and id: what is asked for there is theirs to do."""
        if self._rules.app_id_of() not in event.app:
            return _just_keep(event, "nothing done: it was asked for at the check runs of another App")
        return self._for_writers(event, lambda connection, now: fulfil(connection, event, now), "nothing done", delay)

    def _for_writers(
        self,
        event: ApprovalComment | CheckRequest,
        keep: Callable[[Connection, float], str],
        otherwise: str,
        delay: float | None,
    ) -> Understood:
        """Ask GitHub, outside any transaction, whether who asks may write; a refusal is the outcome."""
        try:
            refusal = self._rules.refusal_of(event.repository, event.login, event.user_id)
        except HubwrightError as error:
            why = f"{otherwise}: {error}"
            return Understood(lambda _connection, _now: why, None if delay is None else why)
        if refusal is not None:
            return _just_keep(event, f"{otherwise}: {refusal}")
        return Understood(keep, limited=True)

    def _understand_backfill(self, event: Backfill, *, delay: float | None) -> Understood:
        """Plan the newest commit anew; runs for platforms that it has not been built on join its build."""
        with self._database.reading() as connection:
            ground = self._ground(connection, event.repository)
            gap = find_gap(connection, event, ground)
        if gap is None:
            return Understood(lambda _connection, _now: "nothing to add")
        try:
            plan = self._plans.plan(gap.job, gap.wanted, ground)
        except HubwrightError as error:
            why = str(error)
            return Understood(lambda _connection, _now: why, None if delay is None else why)
        fill = partial(fill_gap, gap=gap, origin=self.origin_of(gap.job), plan=plan, ground=ground)
        return Understood(
            lambda connection, now: f"{fill(connection, now=now)} runs added", limited=is_limited(gap.job)
        )

    def _understand_release(self, event: ReleaseEvent) -> Understood:
        """The jobs that want it build its tag, which their repository is asked for."""
        with self._database.reading() as connection:
            known = jobs.load_jobs(connection, event.repository)
        chosen = [job for job in known if job.enabled and job.settings.triggers.want("release", event.tag)]
        later = Later(event=RELEASE, mark=str(event.number), ref=f"refs/tags/{event.tag}")

        def keep(connection: Connection, now: float) -> str:
            keep_event(connection, event, now)
            for job in chosen:
                ask_later(connection, job, later, now)
            return f"{len(chosen)} builds asked for" if len(chosen) != 1 else "1 build asked for"

        return Understood(keep)

    def _understand_open(self, event: Building, *, delay: float | None) -> Understood:
        """A job's repository is asked which commits are meant; while it does not answer, nothing is known to build."""
        path = None if isinstance(event, PullRequestEvent) else event.job_path
        with self._database.reading() as connection:
            job = jobs.load_job(connection, path) if path is not None else None
        if job is None:
            return _just_keep(event, "the job is gone")
        try:
            settled = settle(self._mirrors, self.origin_of(job), job, event)
        except UnprocessableError as error:
            return _just_keep(event, str(error))
        except HubwrightError as error:
            why = str(error)
            return Understood(lambda _connection, _now: why, None if delay is None else why)
        return self._understand_commits(settled, delay=delay)

    def _understand_commits(self, event: Building, *, delay: float | None) -> Understood:
        """A push, a pull request or a wish: find out what is wanted, have it, plan it."""
        repository = event.repository
        with self._database.reading() as connection:
            ground = self._ground(connection, repository)
            asked = self._find_followers(connection, event, ground)
        if isinstance(event, Manual) and not asked.builds:
            return _just_keep(event, "the job is gone")
        if not asked.circle.jobs and not isinstance(event, Manual) and not self.may_build(repository):
            return _just_keep(event, "the owner is not one of GITHUB__OWNERS")
        disabled = bool(asked.circle.jobs) and not any(job.enabled for job in asked.circle.jobs)
        plans = [(one, self._plans.plan_job(one.job, event, ground, delay=delay)) for one in asked.builds]
        waits = next((plan.problem for _, of_job in plans for plan in of_job if plan.waits is not None), None)

        def keep(connection: Connection, now: float) -> str:
            late = isinstance(event, PullRequestEvent) and repos.is_old_news(connection, event)
            keep_event(connection, event, now)
            keep_identities(connection, asked.circle)
            count = 0
            for follower, of_job in plans:
                if of_job or follower.effect is None or follower.job.id:  # else there is no copy, nor need for one
                    count += self._keep_plans(connection, asked, (follower, of_job), ground, now)
            if not isinstance(event, Manual):
                close_ended(connection, asked.circle, event, asked.effects, now, late=late)
            if disabled:
                return "every job of the repository is disabled"
            return f"{count} builds" if count != 1 else "1 build"

        return Understood(keep, waits, any(is_limited(one.job) for one in asked.builds))

    def _understand_end(self, event: RefEvent) -> Understood:
        """A branch is gone, and its copies with it."""
        with self._database.reading() as connection:
            circle = load_circle(connection, event.repository)
            effects = circle.follow(event, self._ground(connection, event.repository).default_branch)

        def keep(connection: Connection, now: float) -> str:
            keep_event(connection, event, now)
            close_ended(connection, circle, event, effects, now, late=False)
            return "kept"

        return Understood(keep)

    def _find_followers(self, connection: Connection, event: Building, ground: Ground) -> Asked:
        """Who builds: one job for a wish, else those that the event is about, else the one that is to be made."""
        repository = event.repository
        if isinstance(event, Manual):
            job = jobs.load_job(connection, event.job_path)
            return Asked(event, Circle(repository), builds=[Follower(job)] if job is not None else [])
        if isinstance(event, Push) and event.job_path is not None:
            circle = load_circle_of(connection, repository, event.job_path)
        elif not (circle := load_circle(connection, repository)).jobs:
            return Asked(
                event, circle, builds=[Follower(jobs.foresee_job(connection, repository, self._rules.defaults))]
            )
        effects = circle.follow(event, ground.default_branch, load_pulled(connection, circle, event))
        followers = find_followers(connection, circle, event, ground.default_branch, effects)
        return Asked(event, circle, effects, followers)

    def _keep_plans(
        self, connection: Connection, asked: Asked, work: tuple[Follower, list[BuildPlan]], ground: Ground, now: float
    ) -> int:
        """Keep what is planned of a job or copy, which are made where they are not there; how many builds."""
        event, (follower, plans) = asked.event, work
        if not asked.circle.jobs and not follower.job.id:
            kept = have_job(connection, event.repository, self._rules.defaults, now)
        else:
            kept = have(connection, asked.circle, follower, now)
        return len(keep_plans(connection, kept, self.origin_of(kept), plans, ground_of(kept, ground), now))

    def may_build(self, repository: Repository) -> bool:
        """Whether a repository that nobody has made a job for is built all the same."""
        owners = self._rules.owners
        return not owners or repository.owner.lower() in {owner.lower() for owner in owners}

    def origin_of(self, job: Job) -> Origin:
        """Where a job's commits are fetched from: the operator's base or the job's address, never a payload's."""
        if job.clone_url is not None:
            return Origin(repository=job.repository, clone_url=job.clone_url)
        owner = job.repository.partition("/")[0]
        return Origin(
            repository=job.repository,
            clone_url=f"{self._rules.clone_base}/{job.repository}.git",
            token=self._rules.token_of(owner),
        )

    def _ground(self, connection: Connection, repository: Repository) -> Ground:
        return replace(
            self._rules.ground,
            kinds=load_kinds(connection),
            default_branch=repository.default_branch or repos.load_default_branch(connection, repository.full_name),
        )


def _just_keep(event: Event, outcome: str) -> Understood:
    def keep(connection: Connection, now: float) -> str:
        keep_event(connection, event, now)
        return outcome

    return Understood(keep)
