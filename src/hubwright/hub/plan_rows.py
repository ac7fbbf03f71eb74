"""From plans to rows: builds, runs with their assignments, stages and facts in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection

from hubwright.domain.builds import ASKED_FOR, BuildPlan, Wanted
from hubwright.domain.concurrency import Policy
from hubwright.domain.environment import Place, build_environment
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.jobs import Approval, Job
from hubwright.domain.planning import PlannedRun
from hubwright.domain.recipe_json import stage_to_json
from hubwright.domain.refs import pull_request_of
from hubwright.domain.repos import Trust
from hubwright.domain.results import Result
from hubwright.git.mirrors import Origin
from hubwright.hub.plans import Ground
from hubwright.hub.streaks import tell_streak
from hubwright.store import builds
from hubwright.store.admission import NEW
from hubwright.store.approvals import Wait, hold_waiting, keep_wait
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import take_numbers
from hubwright.wire import CacheWish, Payload, ServiceWish, Source

logger = structlog.get_logger()

_SUPERSEDING = frozenset({"push", "tag", "pull_request"})
"""Events whose builds newer ones make needless, where the job says so; what people ask for is not."""


def keep_plans(
    connection: Connection, job: DefinedJob, origin: Origin, plans: Sequence[BuildPlan], ground: Ground, now: float
) -> list[int]:
    """Add the builds that are new, or fill those that waited for their repository; the ids of the builds touched."""
    known = builds.load_triggers(connection, job.id, [plan.wanted.trigger for plan in plans])
    built = builds.load_built(
        connection, job.id, job.repository, [plan.wanted.sha for plan in plans if not plan.wanted.head]
    )
    fresh = [
        plan
        for plan in plans
        if plan.wanted.trigger not in known and (plan.wanted.head or plan.wanted.sha not in built)
    ]
    facts: list[Fact] = []
    touched: list[int] = []
    if fresh:
        first = take_numbers(connection, job.id, len(fresh))
        # Planned newest first, added oldest first: numbers and ids rise with the history.
        for number, plan in enumerate(reversed(fresh), first):
            build_id, told = _begin(connection, job, origin, plan, ground, (number, now))
            facts += told
            touched.append(build_id)
    for plan in plans:
        row = known.get(plan.wanted.trigger)
        if row is not None and row.state == "queued" and row.runs_left == 0:
            if plan.wanted.event in ASKED_FOR:  # the row was there before the commit was known
                if not plan.runs:  # else it is described when it has got them
                    builds.describe_build(connection, row.id, plan.wanted)
                if plan.wanted.trust != row.trust and _needs_approval(job, plan.wanted, ground):
                    keep_wait(connection, _wait(job, row.id, plan.wanted), now)
            facts += _fill(connection, job, origin, plan, ground, (row.id, row.number, now))
            touched.append(row.id)
    keep_facts(connection, facts)
    if touched:
        logger.info("builds_planned", job=job.path, builds=touched)
    return touched


def begin_build(
    connection: Connection, job: DefinedJob, origin: Origin, plan: BuildPlan, ground: Ground, now: float
) -> int:
    """Add a build that is known to be new; its id."""
    number = take_numbers(connection, job.id, 1)
    build_id, facts = _begin(connection, job, origin, plan, ground, (number, now))
    keep_facts(connection, facts)
    return build_id


def _begin(
    connection: Connection, job: DefinedJob, origin: Origin, plan: BuildPlan, ground: Ground, place: tuple[int, float]
) -> tuple[int, list[Fact]]:
    """Add a build, with its runs when they are known."""
    number, now = place
    entry = make_entry(job, plan.wanted)
    if plan.waits is not None:
        entry = replace(entry, problem=plan.problem, retry_at=now + plan.waits)
    elif plan.runs:
        entry = replace(entry, runs_left=len(plan.runs), recipe=plan.recipe)
    build_id = builds.keep_build(connection, job.id, number, job.repository, plan.wanted, now, entry)
    if _needs_approval(job, plan.wanted, ground):
        keep_wait(connection, _wait(job, build_id, plan.wanted), now)
    facts = [_queued(job, build_id, number, plan.wanted, now)]
    if plan.runs and plan.waits is None:
        builds.keep_runs(connection, make_runs(job, origin, plan, ground, (build_id, number)), now)
        facts += _hold(connection, job, plan, (build_id, number, now))
    elif plan.waits is None:
        facts += _end_empty(connection, job, plan, (build_id, number, now))
    return build_id, facts


def _fill(
    connection: Connection,
    job: DefinedJob,
    origin: Origin,
    plan: BuildPlan,
    ground: Ground,
    place: tuple[int, int, float],
) -> list[Fact]:
    """Give a build its runs, or end it when there are none."""
    build_id, number, now = place
    if plan.waits is not None:
        builds.note_problem(connection, build_id, plan.problem, now + plan.waits)
        return []
    if not plan.runs:
        return _end_empty(connection, job, plan, place)
    new = make_runs(job, origin, plan, ground, (build_id, number))
    builds.keep_runs(connection, new, now)
    told = plan.wanted if plan.wanted.event in ASKED_FOR else None  # its row may be older than what is known of it
    builds.set_runs_left(connection, build_id, len(new), plan.recipe, told)
    return _hold(connection, job, plan, place)


def _end_empty(connection: Connection, job: DefinedJob, plan: BuildPlan, place: tuple[int, int, float]) -> list[Fact]:
    """End a build that has no runs."""
    build_id, number, now = place
    result = Result(plan.fault) if plan.fault else Result.SKIP
    problem = plan.problem or "Nothing in the recipe applies to this event, branch and platform."
    ended = builds.finish_build(connection, build_id, result, now, problem)
    said = {"result": result.value, **tell_streak(connection, ended, result, now)}
    data = {**_data(job, number, plan.wanted), **said}
    return [Fact(kind=FactKind.BUILD_FINISHED, at=now, job_id=job.id, build_id=build_id, data=data)]


def _hold(connection: Connection, job: DefinedJob, plan: BuildPlan, place: tuple[int, int, float]) -> list[Fact]:
    """Hold the runs of a build that waits for approval."""
    build_id, number, now = place
    if plan.wanted.trust is not Trust.UNTRUSTED or not hold_waiting(connection, [build_id]):
        return []
    data = _data(job, number, plan.wanted)
    return [Fact(kind=FactKind.BUILD_HELD, at=now, job_id=job.id, build_id=build_id, data=data)]


def is_limited(job: Job) -> bool:
    """Whether builds of the job have to be admitted."""
    return isinstance(job, DefinedJob) and (job.settings.limited or job.paused is not None)


def make_entry(job: Job, wanted: Wanted) -> builds.Entry:
    """How a build comes into the queue: within limits, or while its job is paused, it waits to be admitted."""
    if not isinstance(job, DefinedJob) or not is_limited(job):
        return builds.UNLIMITED
    supersedes = job.settings.concurrency.policy is Policy.CANCEL_SUPERSEDED and wanted.event in _SUPERSEDING
    return builds.Entry(
        group=(job.settings.concurrency.group or "") if job.settings.limited else None,
        line=f"{job.repository} {wanted.ref}" if supersedes else None,
        blocked=NEW,
    )


def _needs_approval(job: Job, wanted: Wanted, ground: Ground) -> bool:
    return wanted.trust is Trust.UNTRUSTED and (job.settings.approval or ground.approval) is Approval.FORKS


def _wait(job: Job, build_id: int, wanted: Wanted) -> Wait:
    return Wait(
        build_id=build_id,
        repository_id=job.repository_id,
        repository=job.repository,
        pull_request=wanted.pull_request or pull_request_of(wanted.ref),
        sha=wanted.sha,
        base_ref=wanted.target_branch,
        head_repository_id=wanted.head_repository_id,
    )


def make_runs(
    job: DefinedJob, origin: Origin, plan: BuildPlan, ground: Ground, place: tuple[int, int]
) -> list[builds.NewRun]:
    """The runs of a plan for the build of this id and number, each with its complete assignment."""
    env = build_environment(_place(job, origin, ground, *place), plan.wanted)
    return [
        builds.NewRun(
            build_id=place[0],
            planned=run,
            assignment=_assignment(job, origin, plan, run, env, ground),
            priority=plan.wanted.priority + job.settings.priority,
        )
        for run in plan.runs
    ]


def _assignment(
    job: DefinedJob, origin: Origin, plan: BuildPlan, run: PlannedRun, env: dict[str, str], ground: Ground
) -> dict[str, Any]:
    stages = {planned.stage.name for planned in run.stages}
    answers = {one.name: one.default for one in job.settings.parameters if one.default is not None}
    payload = Payload(
        source=Source(
            repository=job.repository,
            clone_url=origin.clone_url,
            sha=plan.wanted.sha,
            ref=plan.wanted.ref,
            checkout=job.settings.checkout,
        ),
        stages=tuple(stage_to_json(planned.stage) for planned in run.stages),
        env={**env, **job.settings.env, **dict(plan.env), **answers, **dict(plan.wanted.parameters)},
        # names only; the values join the order when it is sent
        secrets=dict.fromkeys((name for planned in run.stages for name in planned.stage.secrets), ""),
        matrix=run.matrix,
        timeout=plan.timeout or job.settings.timeout,
        log_limit=ground.log_limit,
        reports=ground.reports,
        limits=plan.limits.to_json(),
        cache=tuple(CacheWish(**asdict(one)) for one in plan.caches if one.stage in {"", *stages}),
        services=tuple(ServiceWish(**asdict(one)) for one in plan.services),
        warnings=plan.warnings,
        trust=plan.wanted.trust.value,
    )
    return dict(msgspec.to_builtins(payload))


def _place(job: Job, origin: Origin, ground: Ground, build_id: int, number: int) -> Place:
    return Place(
        job=job.path,
        repository=job.repository,
        clone_url=origin.clone_url,
        default_branch=ground.default_branch,
        number=number,
        build_id=build_id,
        build_url=f"{ground.public_url}/builds/{build_id}",
        system_url=ground.public_url,
        version=ground.version,
    )


def _queued(job: Job, build_id: int, number: int, wanted: Wanted, now: float) -> Fact:
    return Fact(kind=FactKind.BUILD_QUEUED, at=now, job_id=job.id, build_id=build_id, data=_data(job, number, wanted))


def _data(job: Job, number: int, wanted: Wanted) -> dict[str, object]:
    return {
        "job": job.path,
        "number": number,
        "repository": job.repository,
        "sha": wanted.sha,
        "sha7": wanted.sha[:7],
        "ref": wanted.ref,
        "branch": wanted.branch,
        "event": wanted.event,
    }
