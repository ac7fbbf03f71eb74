"""From wanted commits to rows: what each is to run, then builds, runs, stages and facts in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import Connection

from hubwright.domain.builds import ASKED_FOR, BuildPlan, Wanted
from hubwright.domain.concurrency import Policy
from hubwright.domain.environment import Place, build_environment
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.job_stages import add_hooks
from hubwright.domain.jobs import Approval, Job, RecipeSide
from hubwright.domain.planning import PlannedRun, plan_runs
from hubwright.domain.recipe_excerpt import problem_report
from hubwright.domain.recipe_json import stage_to_json
from hubwright.domain.recipe_labels import labels_at
from hubwright.domain.recipe_values import Recipe
from hubwright.domain.refs import pull_request_of
from hubwright.domain.repos import Trust
from hubwright.domain.results import Result
from hubwright.domain.scheduling import BuilderKind, platforms_with
from hubwright.domain.secrets import share_secrets, withheld_secrets
from hubwright.errors import RecipeError, SourceError, VanishedCommitError
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.recipes import find_recipe
from hubwright.store import builds
from hubwright.store.admission import NEW
from hubwright.store.approvals import Wait, hold_waiting, keep_wait
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import take_numbers
from hubwright.wire import CacheWish, Payload, ReportLimits, ServiceWish, Source

_SUPERSEDING = frozenset({"push", "tag", "pull_request"})
"""Events whose builds newer ones make needless, where the job says so; what people ask for is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What plans stand on: addresses, the kinds of builders known, the limits of a run, and how strangers are met."""

    public_url: str
    version: str
    default_platform: str
    log_limit: int
    reports: ReportLimits = field(default_factory=ReportLimits)
    kinds: Sequence[BuilderKind] = ()
    default_branch: str | None = None
    approval: Approval = Approval.FORKS
    untrusted_recipe: RecipeSide = RecipeSide.HEAD


@dataclass(frozen=True, slots=True)
class Base:
    """The commit whose recipe counts instead of the built one's, and the branch that it is the newest of."""

    branch: str
    sha: str


def ground_of(job: DefinedJob, ground: Ground) -> Ground:
    """The ground as it is for a job, which may have another default branch than its repository."""
    return replace(ground, default_branch=job.settings.default_branch or ground.default_branch)


def takes_base(job: Job, wanted: Wanted, ground: Ground) -> bool:
    """Whether the recipe is to be that of the base: of what a fork brings, when job or hub say so."""
    side = job.settings.untrusted_recipe or ground.untrusted_recipe
    return wanted.trust is Trust.UNTRUSTED and side is RecipeSide.BASE and job.settings.recipe is None


def plan_build(
    mirrors: Mirrors, origin: Origin, job: DefinedJob, wanted: Wanted, ground: Ground, base: Base | None = None
) -> BuildPlan:
    """What to run for a commit that the mirror has (or need not have). A wrong recipe is a plan that fails.

    With `base`, which the mirror has, the recipe is that of the base.
    """
    text: str | None = job.settings.recipe
    of = base.sha if base is not None else wanted.sha
    try:
        recipe, text = find_recipe(mirrors, origin, job.settings, of)
    except RecipeError as error:
        shown = text if text is not None else _text_at(mirrors, origin, job, of)
        report = problem_report(error, shown or "")
        return failed_plan(wanted, f"{report}\n(read on {base.branch})" if base else report, Result.FAILURE)
    except SourceError as error:
        return failed_plan(wanted, str(error), Result.ERROR)
    if base is not None:
        recipe = replace(recipe, origin=f"{recipe.origin} of {base.branch}")
    return planned(job, wanted, recipe, ground)


def planned(job: DefinedJob, wanted: Wanted, recipe: Recipe, ground: Ground) -> BuildPlan:
    """The plan that a recipe makes in these circumstances, with what the job says for every recipe."""
    own = job.settings
    if own.platforms and not recipe.platforms:
        recipe = replace(recipe, platforms=own.platforms)
    recipe = replace(recipe, secrets=tuple(dict.fromkeys((*recipe.secrets, *own.secrets))))
    withheld = withheld_secrets(recipe) if wanted.trust is Trust.UNTRUSTED else ()
    recipe = share_secrets(recipe, wanted.trust)
    known = platforms_with(ground.kinds, labels_at(recipe.labels, {}))
    runs = plan_runs(recipe, wanted.circumstances(), known, ground.default_platform)
    shared = recipe.secrets if wanted.trust is Trust.TRUSTED else ()
    runs = [add_hooks(run, own.on_start, own.on_success, own.on_failure, shared) for run in runs]
    return BuildPlan(
        wanted=wanted,
        runs=tuple(runs),
        recipe=recipe.origin,
        timeout=recipe.timeout,
        env=tuple(recipe.env.items()),
        limits=recipe.limits,
        caches=recipe.cache,
        services=recipe.services,
        warnings=(*recipe.warnings, *withheld),
    )


def failed_plan(wanted: Wanted, problem: str, result: Result) -> BuildPlan:
    """A build that ends before it begins, and says why."""
    return BuildPlan(wanted=wanted, problem=problem, fault=result.value)


def vanished_plan(wanted: Wanted, error: VanishedCommitError) -> BuildPlan:
    """A build of a commit that is gone for good."""
    return failed_plan(wanted, str(error), Result.ERROR)


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
            build_id = builds.keep_build(
                connection, job.id, number, job.repository, plan.wanted, now, make_entry(job, plan.wanted)
            )
            if _needs_approval(job, plan.wanted, ground):
                keep_wait(connection, _wait(job, build_id, plan.wanted), now)
            facts.append(_queued(job, build_id, number, plan.wanted, now))
            facts += _fill(connection, job, origin, plan, ground, (build_id, number, now))
            touched.append(build_id)
    for plan in plans:
        row = known.get(plan.wanted.trigger)
        if row is not None and row.state == "queued" and row.runs_left == 0:
            if plan.wanted.event in ASKED_FOR:  # the row was there before the commit was known
                builds.describe_build(connection, row.id, plan.wanted)
                if plan.wanted.trust != row.trust and _needs_approval(job, plan.wanted, ground):
                    keep_wait(connection, _wait(job, row.id, plan.wanted), now)
            facts += _fill(connection, job, origin, plan, ground, (row.id, row.number, now))
            touched.append(row.id)
    keep_facts(connection, facts)
    return touched


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
        result = Result(plan.fault) if plan.fault else Result.SKIP
        problem = plan.problem or "Nothing in the recipe applies to this event, branch and platform."
        builds.finish_build(connection, build_id, result, now, problem)
        return [finished_fact(job, build_id, number, plan.wanted, result, now)]
    new = make_runs(job, origin, plan, ground, (build_id, number))
    builds.keep_runs(connection, new, now)
    builds.set_runs_left(connection, build_id, len(new), plan.recipe)
    if plan.wanted.trust is Trust.UNTRUSTED and hold_waiting(connection, [build_id]):
        data = _data(job, number, plan.wanted)
        return [Fact(kind=FactKind.BUILD_HELD, at=now, job_id=job.id, build_id=build_id, data=data)]
    return []


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


def _text_at(mirrors: Mirrors, origin: Origin, job: Job, sha: str) -> str | None:
    content = mirrors.read_file(origin, sha, job.settings.recipe_path)
    return content.decode("utf-8", "replace") if content is not None else None


def _queued(job: Job, build_id: int, number: int, wanted: Wanted, now: float) -> Fact:
    return Fact(kind=FactKind.BUILD_QUEUED, at=now, job_id=job.id, build_id=build_id, data=_data(job, number, wanted))


def finished_fact(job: Job, build_id: int, number: int, wanted: Wanted, result: Result, now: float) -> Fact:
    """The fact that a build ended without a run."""
    data = {**_data(job, number, wanted), "result": result.value}
    return Fact(kind=FactKind.BUILD_FINISHED, at=now, job_id=job.id, build_id=build_id, data=data)


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
