"""Walk 2: a kept delivery is understood. Reads it, gets the commits, plans, and writes all in one transaction.

Deliveries of one repository are understood in their order; a repository that does not answer delays no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.backoff import backoff
from hubwright.domain.builds import BuildPlan, Wanted, commits_to_build, manual_to_build, pull_request_to_build
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.jobs import Job, JobSettings
from hubwright.domain.repos import Event, Manual, PullRequestEvent, Push, Repository
from hubwright.errors import HubwrightError, MalformedError, UnreachableRepositoryError, VanishedCommitError
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.github.payloads import is_skipped, read_event
from hubwright.hub.lanes import Lanes
from hubwright.hub.leases import LeaseKeeper
from hubwright.hub.news import keep_event
from hubwright.hub.plans import Ground, keep_plans, plan_build, vanished_plan
from hubwright.hub.pressure import Pressure
from hubwright.hub.wishes import MANUAL, read_manual
from hubwright.store import jobs, queues, repos
from hubwright.store.builders import load_platforms
from hubwright.store.database import Database, is_outage
from hubwright.store.deliveries import keep_outcome, read_body
from hubwright.store.facts import keep_facts
from hubwright.store.schema import delivery

LEASE = 30.0
"""Seconds after which another process takes what a killed one held; renewed while a large fetch goes on."""

TRIES = 10
"""Times that a repository is asked before its builds end as errors; with the pauses between, about an hour."""

BATCH = 64
LANES = 8

INSIDE = 256
"""Deliveries that are held in memory at once; the others wait as rows."""

Building = Push | PullRequestEvent | Manual

logger = structlog.get_logger()


def _no_token(_owner: str) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class IntakeSettings:
    """What intake is told once. `owners` empty = all that the signature vouches for."""

    owner: str  # this process, as the holder of leases
    clone_base: str
    ground: Ground
    token_of: Callable[[str], str | None] = _no_token  # the token for an owner's repositories
    owners: tuple[str, ...] = ()
    defaults: JobSettings = field(default_factory=JobSettings)
    pressure: Pressure = field(default_factory=Pressure)


class Intake:
    """The drain of queue `deliveries`."""

    def __init__(
        self,
        database: Database,
        mirrors: Mirrors,
        settings: IntakeSettings,
        clock: Callable[[], float],
        wake: Callable[[str], None],
    ) -> None:
        self._database = database
        self._mirrors = mirrors
        self._settings = settings
        self._clock = clock
        self._wake = wake
        self._lanes = Lanes(self._handle, threads=LANES, room=INSIDE)
        self._leases = LeaseKeeper(database, delivery, settings.owner, clock, LEASE)

    def close(self) -> None:
        """Let what is being understood end; leases bring the rest back."""
        self._lanes.close()
        self._leases.close()

    def drain(self) -> float | None:
        """Take all that is due; when the next is due, Unix seconds, or None."""
        while self._take():
            pass
        with self._database.reading() as connection:
            return queues.next_due(connection, delivery)

    def _take(self) -> bool:
        work = partial(
            queues.claim,
            table=delivery,
            owner=self._settings.owner,
            now=self._clock(),
            lease_seconds=LEASE,
            limit=BATCH,
        )
        rows = self._database.write(work)
        for row in rows:
            self._line_up(row)
        return len(rows) == BATCH and not self._lanes.closing

    def _line_up(self, row: Row[Any]) -> None:
        try:
            event = _read(row)
        except (MalformedError, orjson.JSONDecodeError) as error:
            self._give_up(row, str(error))
            return
        self._lanes.enter(event.repository.full_name if event.repository is not None else "", (row, event))

    def _handle(self, thing: tuple[Row[Any], Event]) -> None:
        """Understand one delivery; while the database is away, wait for it."""
        self._settings.pressure.yield_to_doors()
        while not self._lanes.closing:
            try:
                self._understand_or_fail(*thing)
            except Exception as error:
                if not is_outage(error):
                    raise
                logger.warning("delivery_waits_for_database", delivery=thing[0].guid)
                self._lanes.pause(1.0)
            else:
                return

    def _understand_or_fail(self, row: Row[Any], event: Event) -> None:
        try:
            self._understand(row, event)
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception("delivery_failed", delivery=row.guid)
            self._fail(row, f"{type(error).__name__}: {error}")

    def _understand(self, row: Row[Any], event: Event) -> None:
        match event:
            case Push() | PullRequestEvent() | Manual():
                self._understand_commits(row, event, event.repository)
            case _:
                self._finish(row, event, "kept")

    def _understand_commits(self, row: Row[Any], event: Building, repository: Repository) -> None:
        """A push or a pull request: find out what is wanted, have it, plan it, keep it."""
        with self._database.reading() as connection:
            known = _jobs(connection, event, repository)
            ground = self._ground(connection, repository)
        if not known and not self._may_build(repository):
            self._finish(row, event, "the owner is not one of GITHUB__OWNERS")
            return
        chosen = known or [self._new_job(repository)]
        wishes = [(job, _wanted(event, job.settings)) for job in chosen]
        plans, waiting = self._plan_all(wishes, ground, patient=row.attempts < TRIES)

        def keep(connection: Connection, now: float) -> str:
            count = 0
            for job, of_job in plans:
                kept = job if known else jobs.keep_job(connection, repository, job.settings, now)
                count += len(keep_plans(connection, kept, self.origin_of(kept), of_job, ground, now))
            return f"{count} builds" if count != 1 else "1 build"

        if waiting is not None:
            self._database.write(lambda connection: keep(connection, self._clock()))
            self._wake("facts")
            self._try_again(row, waiting)
        else:
            self._finish(row, event, keep)
            self._wake("runs")

    def _plan_all(
        self, wishes: list[tuple[Job, list[Wanted]]], ground: Ground, *, patient: bool
    ) -> tuple[list[tuple[Job, list[BuildPlan]]], str | None]:
        """The plans of each job, and why they wait when the repository does not answer."""
        plans: list[tuple[Job, list[BuildPlan]]] = []
        waiting: str | None = None
        for job, wanted in wishes:
            of_job: list[BuildPlan] = []
            for wish in wanted:
                plan = self._plan(job, wish, ground, patient=patient and waiting is None)
                waiting = waiting or (plan.problem if plan.waits else None)
                of_job.append(plan)
            plans.append((job, of_job))
        return plans, waiting

    def _plan(self, job: Job, wanted: Wanted, ground: Ground, *, patient: bool) -> BuildPlan:
        origin = self.origin_of(job)
        try:
            if job.settings.checkout or job.settings.recipe is None:
                self._mirrors.fetch(origin, wanted.sha, wanted.ref)
        except VanishedCommitError as error:
            return vanished_plan(wanted, error)
        except UnreachableRepositoryError as error:
            return BuildPlan(wanted=wanted, problem=str(error), waits=patient, fault=None if patient else "error")
        except HubwrightError as error:
            return BuildPlan(wanted=wanted, problem=str(error), waits=patient, fault=None if patient else "error")
        return plan_build(self._mirrors, origin, job, wanted, ground)

    def _may_build(self, repository: Repository) -> bool:
        owners = self._settings.owners
        return not owners or repository.owner.lower() in {owner.lower() for owner in owners}

    def _new_job(self, repository: Repository) -> Job:
        return Job(
            id=0,
            path=repository.full_name,
            repository_id=repository.id,
            repository=repository.full_name,
            clone_url=None,
            settings=self._settings.defaults,
        )

    def origin_of(self, job: Job) -> Origin:
        """Where a job's commits are fetched from: the operator's base or the job's address, never a payload's."""
        if job.clone_url is not None:
            return Origin(repository=job.repository, clone_url=job.clone_url)
        owner = job.repository.partition("/")[0]
        return Origin(
            repository=job.repository,
            clone_url=f"{self._settings.clone_base}/{job.repository}.git",
            token=self._settings.token_of(owner),
        )

    def _ground(self, connection: Connection, repository: Repository) -> Ground:
        return replace(
            self._settings.ground,
            platforms=load_platforms(connection),
            default_branch=repository.default_branch or repos.load_default_branch(connection, repository.full_name),
        )

    def _finish(self, row: Row[Any], event: Event, outcome: str | Callable[[Connection, float], str]) -> None:
        """Keep what the event tells, do the work that makes its outcome, and end the delivery, in one transaction."""
        now = self._clock()

        def work(connection: Connection) -> None:
            keep_event(connection, event, now)
            said = outcome if isinstance(outcome, str) else outcome(connection, now)
            name = event.repository.full_name if event.repository is not None else None
            keep_outcome(connection, row.id, name, said)
            queues.finish(connection, delivery, row.id, self._settings.owner, now)

        self._database.write(work)
        self._wake("facts")

    def _fail(self, row: Row[Any], why: str) -> None:
        if row.attempts < TRIES:
            self._try_again(row, why)
        else:
            self._give_up(row, why)

    def _try_again(self, row: Row[Any], why: str) -> None:
        at = self._clock() + backoff(row.attempts, base=2.0, cap=600.0, jitter=(row.id % 100) / 100)
        self._database.write(
            lambda connection: queues.retry_at(connection, delivery, row.id, self._settings.owner, at, why)
        )

    def _give_up(self, row: Row[Any], why: str) -> None:
        now = self._clock()

        def work(connection: Connection) -> None:
            queues.give_up(connection, delivery, row.id, self._settings.owner, now, why)
            keep_outcome(connection, row.id, None, why)
            data: dict[str, object] = {"delivery": row.guid, "reason": why}
            keep_facts(connection, [Fact(kind=FactKind.DELIVERY_FAILED, at=now, data=data)])

        self._database.write(work)
        self._wake("facts")


def _jobs(connection: Connection, event: Building, repository: Repository) -> list[Job]:
    """The jobs that the event is about: one for a wish, else all of the repository."""
    if isinstance(event, Manual):
        job = jobs.load_job(connection, event.job_path)
        return [job] if job is not None else []
    return jobs.load_jobs(connection, repository)


def _read(row: Row[Any]) -> Event:
    """The event; what this hub asks of itself has a source that no webhook can claim."""
    document = orjson.loads(read_body(row.body))
    return read_manual(document) if row.source == MANUAL else read_event(row.event, document)


def _wanted(event: Building, settings: JobSettings) -> list[Wanted]:
    match event:
        case Push():
            wanted = commits_to_build(event, settings)
        case PullRequestEvent():
            wanted = pull_request_to_build(event)
        case Manual():
            return manual_to_build(event)
    return [wish for wish in wanted if not is_skipped(wish.message)]
