"""Pushes, pull requests and wishes: which commits of which jobs and copies they want built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hubwright.domain.builds import Building, BuildPlan
from hubwright.domain.repos import Event, Manual, PullRequestEvent, Push, Repository
from hubwright.errors import HubwrightError, UnprocessableError
from hubwright.git.mirrors import Mirrors
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
from hubwright.hub.plan_rows import is_limited, keep_plans
from hubwright.hub.plans import Ground, ground_of
from hubwright.hub.rules import Rules
from hubwright.hub.understood import Understood, just_keep
from hubwright.store import jobs, repos
from hubwright.store.builds import load_triggers
from hubwright.store.database import Database


@dataclass(frozen=True, slots=True)
class Asked:
    """Who builds an event, and what it does to the jobs and copies of its repository's circle."""

    event: Building
    circle: Circle
    effects: Sequence[Effect] = ()
    builds: Sequence[Follower] = ()


@dataclass(frozen=True, slots=True)
class Looks:
    """What is read once for all deliveries that are understood together: none of them is written before."""

    grounds: dict[Repository, Ground] = field(default_factory=dict)
    circles: dict[Repository, Circle] = field(default_factory=dict)


def look_around(event: Event | None, circle: Circle | None) -> Looks:
    """What is known of the event's repository before it is understood."""
    return Looks() if event is None or circle is None else Looks(circles={circle.repository: circle})


class Demands:
    """Finds out what is wanted, has it, plans it; writes nothing until `keep`. Called from several threads."""

    def __init__(self, database: Database, mirrors: Mirrors, rules: Rules, plans: CommitPlans) -> None:
        self._database = database
        self._mirrors = mirrors
        self._rules = rules
        self._plans = plans

    def understand(self, event: Building, looks: Looks, *, delay: float | None) -> Understood:
        """What the event leads to; `delay` as in `Understanding.understand`."""
        understand = self._understand_open if is_open(event) else self._understand_commits
        return understand(event, looks, delay=delay)

    def find_waiting(self, event: Event) -> list[int]:
        """The builds that the event has led to already. Those without runs wait for it to be understood."""
        if not isinstance(event, Push | PullRequestEvent | Manual):
            return []
        found: list[int] = []
        with self._database.reading() as connection:
            ground = self._rules.ground_at(connection, event.repository)
            for follower in self._find_followers(connection, event, ground, Looks()).builds:
                triggers = [wish.trigger for wish in find_wanted(event, follower.job.settings)]
                found += [row.id for row in load_triggers(connection, follower.job.id, triggers).values()]
        return found

    def _understand_open(self, event: Building, looks: Looks, *, delay: float | None) -> Understood:
        """A job's repository is asked which commits are meant; while it does not answer, nothing is known to build."""
        path = None if isinstance(event, PullRequestEvent) else event.job_path
        with self._database.reading() as connection:
            job = jobs.load_job(connection, path) if path is not None else None
        if job is None:
            return just_keep(event, "the job is gone")
        try:
            settled = settle(self._mirrors, self._rules.origin_of(job), job, event)
        except UnprocessableError as error:
            return just_keep(event, str(error))
        except HubwrightError as error:
            why = str(error)
            return Understood(lambda _connection, _now: why, None if delay is None else why)
        return self._understand_commits(settled, looks, delay=delay)

    def _understand_commits(self, event: Building, looks: Looks, *, delay: float | None) -> Understood:
        """A push, a pull request or a wish: find out what is wanted, have it, plan it."""
        repository = event.repository
        with self._database.reading() as connection:
            if repository not in looks.grounds:
                looks.grounds[repository] = self._rules.ground_at(connection, repository)
            ground = looks.grounds[repository]
            asked = self._find_followers(connection, event, ground, looks)
        if isinstance(event, Manual) and not asked.builds:
            return just_keep(event, "the job is gone")
        if not asked.circle.jobs and not isinstance(event, Manual) and not self._rules.may_build(repository):
            return just_keep(event, "the owner is not one of GITHUB__OWNERS")
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

    def _find_followers(self, connection: Connection, event: Building, ground: Ground, looks: Looks) -> Asked:
        """Who builds: one job for a wish, else those that the event is about, else the one that is to be made."""
        repository = event.repository
        if isinstance(event, Manual):
            job = jobs.load_job(connection, event.job_path)
            return Asked(event, Circle(repository), builds=[Follower(job)] if job is not None else [])
        if isinstance(event, Push) and event.job_path is not None:
            circle = load_circle_of(connection, repository, event.job_path)
        elif not (circle := self._look(connection, repository, looks)).jobs:
            return Asked(
                event, circle, builds=[Follower(jobs.foresee_job(connection, repository, self._rules.defaults))]
            )
        effects = circle.follow(event, ground.default_branch, load_pulled(connection, circle, event))
        followers = find_followers(connection, circle, event, ground.default_branch, effects)
        return Asked(event, circle, effects, followers)

    def _look(self, connection: Connection, repository: Repository, looks: Looks) -> Circle:
        if repository not in looks.circles:
            looks.circles[repository] = load_circle(connection, repository)
        return looks.circles[repository]

    def _keep_plans(
        self, connection: Connection, asked: Asked, work: tuple[Follower, list[BuildPlan]], ground: Ground, now: float
    ) -> int:
        """Keep what is planned of a job or copy, which are made where they are not there; how many builds."""
        event, (follower, plans) = asked.event, work
        if not asked.circle.jobs and not follower.job.id:
            kept = have_job(connection, event.repository, self._rules.defaults, now)
        else:
            kept = have(connection, asked.circle, follower, now)
        return len(keep_plans(connection, kept, self._rules.origin_of(kept), plans, ground_of(kept, ground), now))
