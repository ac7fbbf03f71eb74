"""What a build consists of: one run for each platform and matrix point, each with its stages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from hubwright.domain.matching import Circumstances, holding_rules, runs_after
from hubwright.domain.recipe_labels import labels_at
from hubwright.domain.recipe_matrix import expand_matrix, is_excluded
from hubwright.domain.recipe_values import Recipe, Rule, Stage


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedStage:
    """A stage of a run; its `when` holds only the rules that apply, of which the builder still looks at `status`.

    The plan leaves out what does not apply; `skipped` is for those who run a part of a plan (`hubwright run STAGE`).
    """

    stage: Stage
    skipped: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """One run to be: where (a builder of the platform that has all labels), at which matrix point, its stages."""

    platform: str
    labels: tuple[str, ...] = ()
    matrix: dict[str, str] = field(default_factory=dict)
    stages: tuple[PlannedStage, ...] = ()


def plan_runs(
    recipe: Recipe, circumstances: Circumstances, platforms_known: Sequence[str], default_platform: str
) -> list[PlannedRun]:
    """The runs, platforms first and matrix points within; empty when there is nothing to do in these circumstances.

    A stage with `once` is in exactly one: the first that it applies to on a platform known, else the first at all.
    """
    general = replace(circumstances, platform=None, matrix=None)
    wanted = _narrowed(recipe.when, general)
    if wanted is None:
        return []
    stages = [
        replace(stage, when=rules) for stage in recipe.stages if (rules := _narrowed(stage.when, general)) is not None
    ]
    places = list(_places(recipe, platforms_known, default_platform))
    runs: dict[int, PlannedRun] = {}
    done: set[str] = set()
    # Who comes first takes the stages with `once`: a platform that no builder has ever had must not keep them waiting.
    for place in sorted(range(len(places)), key=lambda place: places[place][0] not in platforms_known):
        platform, point = places[place]
        here = Circumstances(event=circumstances.event, platform=platform, matrix=point)
        if _narrowed(tuple(map(_local, wanted)), here) is None:
            continue
        chosen = [stage for stage in _apply(stages, here) if stage.name not in done]
        if any(runs_after(stage, failed=False) for stage in chosen):
            done.update(stage.name for stage in chosen if stage.once)
            planned = tuple(PlannedStage(stage=stage) for stage in chosen)
            runs[place] = PlannedRun(
                platform=platform, labels=labels_at(recipe.labels, point), matrix=point, stages=planned
            )
    return [runs[place] for place in sorted(runs)]


def expand_platforms(wanted: Sequence[str], known: Sequence[str], default: str) -> list[str]:
    """The platforms' names, each once, in the order wanted; what matches none stays as written: its run waits."""
    if not wanted:
        return [default]
    names: dict[str, None] = {}
    for pattern in wanted:
        found = [name for name in known if fnmatchcase(name, pattern)]
        names.update(dict.fromkeys(found or [pattern]))
    return list(names)


def _places(recipe: Recipe, known: Sequence[str], default: str) -> Iterator[tuple[str, dict[str, str]]]:
    points = expand_matrix(recipe.matrix)
    for platform in expand_platforms(recipe.platforms, known, default):
        for point in points:
            if not is_excluded(recipe.matrix, {**point, "platform": platform}):
                yield platform, point


def _narrowed(rules: tuple[Rule, ...], facts: Circumstances) -> tuple[Rule, ...] | None:
    """The rules that hold, or None when there are rules and none holds."""
    holding = holding_rules(rules, facts)
    return None if rules and not holding else holding


def _local(rule: Rule) -> Rule:
    """What is left of a rule to look at in each run; the rest holds for the whole build."""
    return Rule(platform=rule.platform, matrix=rule.matrix, status=rule.status)


def _apply(stages: Iterable[Stage], here: Circumstances) -> Iterator[Stage]:
    for stage in stages:
        rules = _narrowed(tuple(map(_local, stage.when)), here)
        if rules is not None:
            yield replace(stage, when=rules)
