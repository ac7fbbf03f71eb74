"""What an event asks for, and what comes of it; the writing is left to the caller."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from hubwright.domain.builds import RELEASE
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
)
from hubwright.errors import HubwrightError
from hubwright.git.mirrors import Mirrors
from hubwright.hub.approvals import approve_head
from hubwright.hub.backfill import fill_gap, find_gap
from hubwright.hub.check_requests import fulfil
from hubwright.hub.commit_plans import CommitPlans
from hubwright.hub.demands import Demands, Looks
from hubwright.hub.followers import close_ended, load_circle
from hubwright.hub.news import keep_event
from hubwright.hub.plan_rows import is_limited
from hubwright.hub.rules import Rules
from hubwright.hub.understood import Understood, just_keep
from hubwright.hub.wishes import Later, ask_later
from hubwright.store import jobs
from hubwright.store.database import Database


class Understanding:
    """Reads the database, asks the repository, plans; writes nothing. Called from several threads."""

    def __init__(self, database: Database, mirrors: Mirrors, rules: Rules) -> None:
        self._database = database
        self._rules = rules
        self._plans = CommitPlans(database, mirrors, rules.origin_of)
        self._demands = Demands(database, mirrors, rules, self._plans)
        self.find_waiting = self._demands.find_waiting
        self.may_build = rules.may_build
        self.origin_of = rules.origin_of

    def understand(self, event: Event, looks: Looks, *, delay: float | None) -> Understood:
        """What the event leads to. A repository that does not answer is asked again in `delay` seconds.

        None: it has been asked often enough, and its builds end. `looks` is that of the events understood together.
        """
        match event:
            case Push() | PullRequestEvent() | Manual():
                return self._demands.understand(event, looks, delay=delay)
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
                return just_keep(event, "kept")

    def _understand_comment(self, event: ApprovalComment, *, delay: float | None) -> Understood:
        if event.sha is None:
            return just_keep(event, "not approved: the first line must be `/hubwright approve` and the whole commit id")
        return self._for_writers(
            event, lambda connection, now: approve_head(connection, event, now), "not approved", delay
        )

    def _understand_request(self, event: CheckRequest, *, delay: float | None) -> Understood:
        """Others' check runs may have any name and id: what is asked for there is theirs to do."""
        if self._rules.app_id_of() not in event.app:
            return just_keep(event, "nothing done: it was asked for at the check runs of another App")
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
            return just_keep(event, f"{otherwise}: {refusal}")
        return Understood(keep, limited=True)

    def _understand_backfill(self, event: Backfill, *, delay: float | None) -> Understood:
        """Plan the newest commit anew; runs for platforms that it has not been built on join its build."""
        with self._database.reading() as connection:
            ground = self._rules.ground_at(connection, event.repository)
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

    def _understand_end(self, event: RefEvent) -> Understood:
        """A branch is gone, and its copies with it."""
        with self._database.reading() as connection:
            circle = load_circle(connection, event.repository)
            effects = circle.follow(event, self._rules.ground_at(connection, event.repository).default_branch)

        def keep(connection: Connection, now: float) -> str:
            keep_event(connection, event, now)
            close_ended(connection, circle, event, effects, now, late=False)
            return "kept"

        return Understood(keep)
