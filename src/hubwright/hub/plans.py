"""From wanted commits to plans: what each is to run, by its recipe and what its job says; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hubwright.domain.builds import BuildPlan, Wanted
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.job_stages import add_hooks
from hubwright.domain.jobs import Approval, Job, RecipeSide
from hubwright.domain.planning import plan_runs
from hubwright.domain.recipe_excerpt import problem_report
from hubwright.domain.recipe_labels import labels_at
from hubwright.domain.recipe_values import Recipe
from hubwright.domain.repos import Trust
from hubwright.domain.results import Result
from hubwright.domain.scheduling import BuilderKind, platforms_with
from hubwright.domain.secrets import share_secrets, withheld_secrets
from hubwright.errors import RecipeError, SourceError, VanishedCommitError
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.recipes import find_recipe
from hubwright.wire import ReportLimits


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
    untrusted_labels: tuple[str, ...] = ()


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
    withheld: tuple[str, ...] = ()
    if wanted.trust is Trust.UNTRUSTED:  # whose recipe may name any label: the hub's are added, none falls away
        recipe = replace(recipe, labels=tuple(dict.fromkeys((*recipe.labels, *ground.untrusted_labels))))
        withheld = withheld_secrets(recipe)
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


def _text_at(mirrors: Mirrors, origin: Origin, job: Job, sha: str) -> str | None:
    content = mirrors.read_file(origin, sha, job.settings.recipe_path)
    return content.decode("utf-8", "replace") if content is not None else None
