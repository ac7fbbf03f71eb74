"""System 1's `latestCommit`: a platform that a job names, but that came later, builds the job's newest commit.

A builder of a kind that was never seen, or another definition of a job, asks the question; a delivery of our own keeps
it, so that it outlives a crash. The answer adds runs to the newest build of the default branch: the commit is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.builds import BuildPlan, Wanted
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.jobs import Job
from hubwright.domain.planning import PlannedRun
from hubwright.domain.repos import Backfill, Repository, Trust
from hubwright.domain.results import Result
from hubwright.domain.scheduling import fits
from hubwright.git.mirrors import Origin
from hubwright.hub.builds import reopen
from hubwright.hub.plan_rows import make_runs
from hubwright.hub.plans import Ground, ground_of
from hubwright.hub.wishes import MANUAL
from hubwright.store import builds, kinds, runs
from hubwright.store.admission import block_again
from hubwright.store.approvals import hold_waiting
from hubwright.store.builders import load_kinds
from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_deliveries
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import load_job

BACKFILL = "backfill"
"""The event of such deliveries."""

PRIORITY = -100
"""Everything that was pushed goes first."""

LOOK_AGAIN = 5.0
"""Seconds between looks for kinds of builders that are new."""

_TOGETHER = 100  # deliveries in one statement
_BRANCHES = ("main", "master")  # where the default branch is not known

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gap:
    """A build that may lack runs, its job, and its commit as it was wanted."""

    job: DefinedJob
    build: Row[Any]
    wanted: Wanted


class Kinds:
    """Looks whether a kind of builder is new, as a drain."""

    def __init__(self, database: Database, clock: Callable[[], float], wake: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    def drain(self) -> float:
        """Ask for all jobs when a kind is new; when to look again."""
        with self._database.reading() as connection:
            seen = load_kinds(connection)
            known = kinds.count_kinds(connection, seen)
        if known < len(seen):
            asked = self._database.write(lambda connection: _ask_all(connection, self._clock()))
            logger.info("builders_of_a_new_kind", jobs=asked)
            self._wake("deliveries")
        return self._clock() + LOOK_AGAIN


def _ask_all(connection: Connection, now: float) -> int:
    fresh = kinds.keep_new_kinds(connection, load_kinds(connection), now)
    if not fresh:
        return 0
    mark = sha256(repr(fresh).encode()).hexdigest()[:16]
    return _keep(connection, [_ask(job, f"{mark} {now:.6f}", now) for job in kinds.load_built_jobs(connection)])


def ask_backfill(connection: Connection, jobs: Sequence[DefinedJob], now: float) -> None:
    """Have it looked whether the jobs' newest commits lack a platform, now that what holds for them has changed."""
    _keep(connection, [_ask(job, f"{now:.6f}", now) for job in jobs if job.enabled and job.settings.backfill])


def _keep(connection: Connection, questions: list[Incoming]) -> int:
    for first in range(0, len(questions), _TOGETHER):
        keep_deliveries(connection, questions[first : first + _TOGETHER])
    return len(questions)


def _ask(job: Job | Row[Any], mark: str, now: float) -> Incoming:
    owner, _, name = job.repository.partition("/")
    question = Backfill(repository=Repository(id=job.repository_id, owner=owner, name=name), job_path=job.path)
    body = orjson.dumps(asdict(question))
    return Incoming(f"{BACKFILL} {job.id} {mark}", BACKFILL, MANUAL, body, now, repository=job.repository)


def read_backfill(document: dict[str, Any]) -> Backfill:
    """The question as it was kept."""
    return Backfill(repository=Repository(**document["repository"]), job_path=document["job_path"])


def find_gap(connection: Connection, event: Backfill, ground: Ground) -> Gap | None:
    """The newest build of the job's default branch, when it may lack runs."""
    job = load_job(connection, event.job_path)
    if job is None or not job.enabled or not job.settings.backfill:
        return None
    default = ground_of(job, ground).default_branch
    row = kinds.load_newest_build(connection, job.id, (default,) if default else _BRANCHES)
    if row is None or row.problem is not None or row.result == Result.CANCELLATION:
        return None
    return Gap(job, row, _wanted(row))


def fill_gap(connection: Connection, gap: Gap, origin: Origin, plan: BuildPlan, ground: Ground, now: float) -> int:
    """Add the runs of the plan that the build lacks, unless a newer commit has come; how many."""
    row = builds.load_build_row(connection, gap.build.id)
    newest = kinds.load_newest_build(connection, gap.job.id, (gap.build.branch,))
    if row is None or newest is None or newest.id != row.id or row.result == Result.CANCELLATION:
        return 0
    missing = _missing(connection, plan.runs, row.id)
    if not missing:
        return 0
    new = make_runs(gap.job, origin, replace(plan, runs=tuple(missing)), ground, (row.id, row.number))
    block_again(connection, row)
    ids = builds.keep_runs(connection, new, now)
    if row.trust == Trust.UNTRUSTED:
        hold_waiting(connection, [row.id])
    data = {"job": gap.job.path, "number": row.number, "repository": row.repository, "sha": row.sha, "ref": row.ref}
    data["sha7"] = row.sha[:7]
    facts = [reopen(connection, row, gap.job.path, len(new), now)]
    for run_id, run in zip(ids, missing, strict=True):
        more = {"platform": run.platform, "attempt": 1}
        facts.append(
            Fact(
                kind=FactKind.RUN_QUEUED,
                at=now,
                job_id=row.job_id,
                build_id=row.id,
                run_id=run_id,
                data={**data, **more},
            )
        )
    keep_facts(connection, facts)
    return len(new)


def _missing(connection: Connection, planned: Iterable[PlannedRun], build_id: int) -> list[PlannedRun]:
    """The planned runs that the build has nothing like; a stage with `once` that it has is not done twice."""
    known = runs.load_newest(connection, build_id)
    done = kinds.load_stage_names(connection, build_id)
    places = kinds.load_platforms_of(connection, {run.builder for run in known if run.builder})
    missing = []
    for one in planned:
        stages = tuple(each for each in one.stages if not (each.stage.once and each.stage.name in done))
        if stages and not any(_is_like(one, run, places.get(run.builder)) for run in known):
            missing.append(replace(one, stages=stages))
    return missing


def _is_like(planned: PlannedRun, run: Row[Any], built_on: str | None) -> bool:
    """Whether the run is, or will be, on the planned platform; one that asked for a glob is where its builder is."""
    if run.matrix != planned.matrix:
        return False
    if run.platform == planned.platform or fits(planned.platform, run.platform):
        return True
    return fits(run.platform, planned.platform) and (built_on is None or built_on == planned.platform)


def _wanted(row: Row[Any]) -> Wanted:
    return Wanted(
        sha=row.sha,
        ref=row.ref,
        event=row.event,
        trigger=row.trigger,
        message=row.message,
        author_name=row.author_name,
        author_login=row.author_login,
        branch=row.branch,
        trust=Trust(row.trust),
        priority=PRIORITY,
    )
