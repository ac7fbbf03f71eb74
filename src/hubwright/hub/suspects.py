"""What is run of a commit to see whether a failure is there: its own recipe, at one place, up to where it shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from hubwright.domain.builds import BuildPlan, Wanted
from hubwright.domain.job_settings import DefinedJob
from hubwright.domain.planning import PlannedRun, PlannedStage
from hubwright.domain.recipe_values import Stage
from hubwright.domain.results import Result
from hubwright.domain.scheduling import fits
from hubwright.git.history import Described
from hubwright.git.mirrors import Mirrors, Origin
from hubwright.hub.plans import Ground, failed_plan, plan_build
from hubwright.store.bisections import BUILT_FOR_IT

PRIORITY = -10_000
"""Behind everything that was pushed, the oldest commit of the largest push included."""

_MAKES = frozenset({"csources", "docs", "installer", "package"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """Where a search builds, and the stages at which its targets show; none known yet: all that build and test.

    With a `command` it is run as the one stage wanted, instead of those of the recipe.
    """

    platform: str
    matrix: dict[str, str]
    branch: str | None
    stages: Collection[str]
    command: str | None = None


def want_suspect(sha: str, ref: str, trigger: str, told: Described | None) -> Wanted:
    """The commit as a wish of a search. It belongs to no branch: it says nothing of how a branch stands now."""
    return Wanted(
        sha=sha,
        ref=ref,
        event=BUILT_FOR_IT,
        trigger=trigger,
        message=told.subject if told is not None else "",
        author_name=told.author if told is not None else None,
        priority=PRIORITY,
    )


def plan_suspect(
    mirrors: Mirrors, origin: Origin, job: DefinedJob, wanted: Wanted, ground: Ground, spot: Spot
) -> BuildPlan:
    """The plan that the commit's recipe makes for a push to the branch, cut down to the spot; it keeps no files.

    Without a run there it is our error; without the stages that are looked at there is nothing to do.
    """
    pushed = replace(wanted, event="push", branch=spot.branch)
    plan = replace(plan_build(mirrors, origin, job, pushed, ground), wanted=wanted)
    if plan.problem is not None:
        return plan
    run = next((one for one in plan.runs if _is_at(one, spot)), None)
    if run is None:
        why = f"The recipe of this commit has no run for {spot.platform} {spot.matrix or ''}".rstrip()
        return failed_plan(wanted, f"{why}.", Result.ERROR)
    stages = _own_stage(run.stages, spot) if spot.command is not None else cut_stages(run.stages, spot.stages)
    if not stages:
        return replace(plan, runs=(), problem="The recipe of this commit has none of the stages that are looked at.")
    return replace(plan, runs=(replace(run, platform=spot.platform, stages=stages),))


def _own_stage(stages: tuple[PlannedStage, ...], spot: Spot) -> tuple[PlannedStage, ...]:
    """The search's own command, with environment, image and network of the recipe's first stage."""
    (name,) = spot.stages
    first = stages[0].stage
    own = Stage(name=name, run=spot.command or "", env=first.env, image=first.image, network=first.network)
    return (PlannedStage(stage=own),)


def cut_stages(stages: tuple[PlannedStage, ...], wanted: Collection[str]) -> tuple[PlannedStage, ...]:
    """The stages up to the last that is looked at: what comes after it might publish an old commit."""
    if wanted:
        last = max((place for place, one in enumerate(stages) if one.stage.name in wanted), default=-1)
        chosen = stages[: last + 1]
    else:
        chosen = tuple(one for one in stages if not one.stage.once and one.stage.kind not in _MAKES)
    return tuple(replace(one, stage=replace(one.stage, artifacts=None)) for one in chosen)


def _is_at(run: PlannedRun, spot: Spot) -> bool:
    return run.matrix == spot.matrix and (run.platform == spot.platform or fits(run.platform, spot.platform))
