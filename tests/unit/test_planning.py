"""From a recipe to runs."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.matching import Circumstances
from hubwright.domain.planning import PlannedRun, PlannedStage, expand_platforms, plan_runs
from hubwright.domain.recipe import read_recipe
from hubwright.domain.recipe_matrix import expand_matrix
from hubwright.domain.recipe_values import Matrix, Recipe, Rule, Stage
from recipe_samples import FULL

KNOWN = ["debian-12", "debian-13", "freebsd-15", "macos-15", "windows-2025"]
PUSH = Circumstances(event="push", branch="main")
TAG = Circumstances(event="tag", tag="v1.0")
TEST = Stage(name="test", run="make check")


def plan(recipe: Recipe, facts: Circumstances = PUSH) -> list[PlannedRun]:
    return plan_runs(recipe, facts, KNOWN, "debian-13")


def names(run: PlannedRun) -> list[str]:
    return [planned.stage.name for planned in run.stages]


def test_a_simple_recipe_is_one_run_on_the_default_platform() -> None:
    stages = (PlannedStage(stage=TEST, skipped=False),)

    assert plan(Recipe(stages=(TEST,))) == [PlannedRun(platform="debian-13", matrix={}, stages=stages)]


def test_one_run_for_each_platform_and_point_but_the_excluded() -> None:
    runs = plan(read_recipe(FULL))

    assert [(run.platform, run.matrix["python"]) for run in runs] == [
        ("debian-13", "3.11"),
        ("debian-13", "3.14"),
        ("freebsd-15", "3.11"),
        ("freebsd-15", "3.14"),
        ("macos-15", "3.11"),
        ("macos-15", "3.14"),
        ("windows-2025", "3.14"),
    ]
    assert all(names(run) == ["lint", "test", "package", "diagnose"] for run in runs)


def test_a_stage_is_only_where_its_rules_hold() -> None:
    runs = plan(read_recipe(FULL), TAG)

    with_publish = [(run.platform, run.matrix) for run in runs if "publish" in names(run)]
    assert with_publish == [("debian-13", {"python": "3.14"})]


def test_a_build_that_is_not_wanted_has_no_runs() -> None:
    assert plan(read_recipe(FULL), replace(PUSH, branch="dev")) == []


def test_the_rules_of_the_file_may_choose_among_runs() -> None:
    recipe = Recipe(stages=(TEST,), platforms=("debian-*",), when=(Rule(event=("push",), platform=("debian-12",)),))

    assert [run.platform for run in plan(recipe)] == ["debian-12"]


def test_platforms_are_names_or_globs_and_unknown_ones_stay() -> None:
    """A run for a platform that no builder has waits and says why; dropping it would look like success."""
    wanted = ["freebsd-15", "debian-*", "debian-13", "haiku-*", "plan9"]

    assert expand_platforms(wanted, KNOWN, "x") == ["freebsd-15", "debian-12", "debian-13", "haiku-*", "plan9"]


def test_once_is_in_the_first_run_that_it_applies_to() -> None:
    docs = Stage(name="docs", run="make docs", once=True)
    mac = Stage(name="mac", run="make dmg", once=True, when=(Rule(platform=("macos-*",)),))
    recipe = Recipe(
        stages=(TEST, docs, mac), platforms=("debian-13", "macos-15"), matrix=Matrix(axes={"a": ("1", "2")})
    )

    assert [names(run) for run in plan(recipe)] == [["test", "docs"], ["test"], ["test", "mac"], ["test"]]


def test_a_run_without_stages_is_left_out_and_so_is_a_build_without_runs() -> None:
    only_mac = replace(TEST, when=(Rule(platform=("macos-15",)),))
    tags = replace(TEST, when=(Rule(event=("tag",)),))

    assert [run.platform for run in plan(Recipe(stages=(only_mac,), platforms=("debian-13", "macos-15")))] == [
        "macos-15"
    ]
    assert plan(Recipe(stages=(tags,))) == []


def test_a_run_that_only_looks_after_failures_is_left_out() -> None:
    """It would end green without having run anything."""
    diagnose = Stage(name="diagnose", run="x", when=(Rule(status="failure"),))

    assert plan(Recipe(stages=(replace(TEST, when=(Rule(event=("tag",)),)), diagnose))) == []


def test_the_builder_gets_only_the_rules_that_apply() -> None:
    """Of rules for other events it must not take the status: here a push must not run after failures."""
    rules = (Rule(event=("tag",), status="failure"), Rule(event=("push",)))

    (run,) = plan(Recipe(stages=(replace(TEST, when=rules),)))

    assert [rule.status for rule in run.stages[0].stage.when] == [None]


_axes = st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from("12"), min_size=1, unique=True).map(tuple))


@given(_axes, st.lists(st.sampled_from([*KNOWN, "debian-*", "*", "other"]), max_size=4), st.booleans())
def test_runs_are_platforms_times_points_each_once(
    axes: dict[str, tuple[str, ...]], platforms: list[str], once: bool
) -> None:
    recipe = Recipe(
        stages=(TEST, Stage(name="x", run="x", once=once)), platforms=tuple(platforms), matrix=Matrix(axes=axes)
    )

    runs = plan(recipe)

    places = {(run.platform, *sorted(run.matrix.items())) for run in runs}
    expected = len(expand_platforms(platforms, KNOWN, "debian-13")) * len(expand_matrix(recipe.matrix))
    assert len(runs) == len(places) == expected
    assert sum("x" in names(run) for run in runs) == (1 if once else expected)


def test_once_does_not_wait_for_a_platform_that_nobody_has() -> None:
    """System 1's documentation and installer are made where a builder is; the order written decides among those."""
    docs = Stage(name="docs", run="make docs", once=True)
    recipe = Recipe(stages=(TEST, docs), platforms=("haiku-*", "macos-15", "debian-13"))

    runs = plan(recipe)

    assert [run.platform for run in runs] == ["haiku-*", "macos-15", "debian-13"]
    assert [names(run) for run in runs] == [["test"], ["test", "docs"], ["test"]]
    assert [names(run) for run in plan_runs(recipe, PUSH, (), "x")] == [["test", "docs"], ["test"], ["test"]]


_when = st.sampled_from(
    [
        (),
        (Rule(platform=("debian-*",)),),
        (Rule(platform=("other",)), Rule(matrix={"a": ("1",)})),
        (Rule(event=("tag",)),),
    ]
)


@given(
    axes=_axes,
    platforms=st.lists(st.sampled_from([*KNOWN, "debian-*", "other", "haiku-*"]), max_size=4),
    whens=st.lists(_when, min_size=1, max_size=4),
    first=_when,
)
def test_once_is_in_exactly_one_run_of_those_that_it_applies_to(
    axes: dict[str, tuple[str, ...]],
    platforms: list[str],
    whens: list[tuple[Rule, ...]],
    first: tuple[Rule, ...],
) -> None:
    """Over platforms, matrix and rules: exactly one, in none only when it applies nowhere, known platforms first."""
    everywhere = tuple(Stage(name=f"s{at}", run="x", when=when) for at, when in enumerate(whens))
    once = tuple(replace(stage, once=True) for stage in everywhere)
    shape = Recipe(stages=everywhere, platforms=tuple(platforms), matrix=Matrix(axes=axes), when=first)

    where = plan(shape)
    runs = plan(replace(shape, stages=once))

    for stage in once:
        applies = [run.platform for run in where if stage.name in names(run)]
        chosen = [run.platform for run in runs if stage.name in names(run)]
        assert len(chosen) == min(len(applies), 1)
        assert not chosen or chosen[0] in KNOWN or not set(applies) & set(KNOWN)
    places = [(run.platform, run.matrix) for run in where]
    assert [place for place in places if place in [(run.platform, run.matrix) for run in runs]] == [
        (run.platform, run.matrix) for run in runs
    ]


def test_a_label_may_name_an_axis_of_the_matrix() -> None:
    """A run for each board goes to the builders that have that board; a point without the axis goes anywhere else."""
    recipe = read_recipe(
        "labels: [bench, 'board-$MATRIX_BOARD']\n"
        "matrix: {board: [pi, beagle], include: [{tool: qemu}]}\nstages:\n- test: make\n"
    )

    assert [run.labels for run in plan(recipe)] == [("bench", "board-pi"), ("bench", "board-beagle"), ("bench",)]
