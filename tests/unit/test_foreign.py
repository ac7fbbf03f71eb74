"""Build files of other systems as recipes: what is understood, what is noted, and that nothing hostile breaks it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.foreign import KINDS, translate
from hubwright.domain.foreign_expressions import read_condition
from hubwright.domain.foreign_files import Outline, ordered, read_foreign
from hubwright.domain.recipe import inspect_recipe, read_recipe
from hubwright.domain.recipe_writing import write_recipe
from hubwright.errors import RecipeError

FOLDER = Path(__file__).parents[1] / "data" / "foreign"
FILES = {"gha": "workflow", "travis": "travis", "cirrus": "cirrus", "woodpecker": "woodpecker"}


def source_of(kind: str) -> str:
    return (FOLDER / f"{FILES[kind]}.yml").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_becomes_the_recipe_that_a_person_has_read(kind: str) -> None:
    """The expected recipes and notes were read line by line, and a change of them wants to be read again."""
    done = translate(kind, source_of(kind), f"{FILES[kind]}.yml")
    notes = "".join(f"{line}: {text}\n" for line, text in done.notes)
    assert done.recipe == (FOLDER / f"{FILES[kind]}.recipe.yml").read_text()
    assert notes == (FOLDER / f"{FILES[kind]}.notes").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_is_a_recipe_without_a_problem_or_a_warning(kind: str) -> None:
    """Otherwise a person would have to mend what the program has written."""
    assert inspect_recipe(translate(kind, source_of(kind), "file").recipe, "recipe")[1] == []


def test_a_step_under_a_condition_that_no_rule_says_is_left_out_and_told() -> None:
    """A deployment that ran always would be worse than one that is missing."""
    source = """
jobs:
  a:
    steps:
      - run: make
      - run: ./deploy.sh
        if: steps.x.outcome == 'success' && github.actor == 'somebody'
"""
    done = translate("gha", source, "file")
    assert "deploy" not in done.recipe
    assert [(note.line, "left out" in note.text) for note in done.notes] == [(7, True)]


@pytest.mark.parametrize(
    ("said", "rules"),
    [
        ("failure()", [{"status": "failure"}]),
        ("${{ always() }}", [{"status": "always"}]),
        ("github.ref == 'refs/heads/main'", [{"event": "push", "branch": "main"}]),
        ("startsWith(github.ref, 'refs/tags/v')", [{"event": "tag", "tag": "v**"}]),
        ("github.event_name == 'push' && github.ref == 'refs/heads/main'", [{"event": "push", "branch": "main"}]),
        ("runner.os == 'Linux' || matrix.a == 'b'", [{"platform": "linux-*"}, {"matrix": {"a": "b"}}]),
        ("github.ref_type == 'tag' && github.event_name == 'pull_request'", None),
        ("github.actor != 'somebody'", None),
        ("success() && hashFiles('x')", None),
    ],
)
def test_conditions_are_rules_or_nothing(said: str, rules: list[dict[str, Any]] | None) -> None:
    """A condition of which only a part is understood is not understood."""
    assert read_condition(said) == rules


def test_one_job_of_a_workflow_can_be_chosen() -> None:
    """Two jobs with different matrices are two recipes."""
    source = """
jobs:
  a: {strategy: {matrix: {x: [1, 2]}}, steps: [{run: make a}]}
  b: {strategy: {matrix: {y: [3, 4]}}, steps: [{run: make b}]}
"""
    both, second = translate("gha", source, "f"), translate("gha", source, "f", "b")
    assert "make b" not in both.recipe
    assert any("`--job b`" in note.text for note in both.notes)
    assert read_recipe(second.recipe, "f").stages[0].run == "make b"
    with pytest.raises(RecipeError, match="no job 'c'"):
        translate("gha", source, "f", "c")


def test_a_job_without_a_matrix_runs_once_beside_one_that_has_one() -> None:
    """GitHub runs it once; each point of a matrix runs all stages but these."""
    source = "jobs: {lint: {steps: [{run: lint}]}, t: {strategy: {matrix: {x: [1, 2]}}, steps: [{run: t}]}}"
    stages = {one.run: one.once for one in read_recipe(translate("gha", source, "f").recipe, "f").stages}
    assert stages == {"lint": True, "t": False}


def test_secrets_go_to_the_stages_that_name_them_only() -> None:
    """Least privilege: a step that does not name a secret does not get it."""
    source = "jobs: {a: {steps: [{run: make}, {run: 'up ${{ secrets.KEY }}'}]}}"
    first, second = read_recipe(translate("gha", source, "f").recipe, "f").stages
    assert (first.secrets, second.secrets) == ((), ("KEY",))
    assert second.run == "up ${KEY}"


def test_tasks_that_differ_in_their_machine_only_are_one_on_several_platforms() -> None:
    """The commonest file of those that Cirrus left behind: one script, three systems."""
    source = """
task:
  matrix:
    - {name: a, freebsd_instance: {image_family: freebsd-15-0}}
    - {name: b, macos_instance: {image: sequoia}}
  test_script: make check
"""
    recipe = read_recipe(translate("cirrus", source, "f").recipe, "f")
    assert recipe.platforms == ("freebsd-*", "darwin-*")
    assert [one.run for one in recipe.stages] == ["make check"]


def test_tasks_in_another_image_are_other_stages() -> None:
    """A container is Linux: its image at the stages of FreeBSD would have them wait for a builder that nobody has."""
    source = """
task:
  name: Tests on $CIRRUS_OS
  matrix:
    - container: {image: "gcc:15"}
    - freebsd_instance: {image_family: freebsd-15-0}
  test_script: make check
"""
    stages = read_recipe(translate("cirrus", source, "f").recipe, "f").stages
    assert [(one.name, one.image, [rule.platform for rule in one.when]) for one in stages] == [
        ("Tests test", "gcc:15", [("linux-*",)]),
        ("Tests 2 test", None, [("freebsd-*",)]),
    ]


def test_phases_of_travis_that_use_what_an_earlier_one_exported_stay_one_shell() -> None:
    """Stages share no shell: the exported path would be gone."""
    apart = "{language: generic, install: make deps, script: make check}"
    together = "{language: generic, install: export A=1, script: make check}"
    assert len(read_recipe(translate("travis", apart, "f").recipe, "f").stages) == 2
    assert [one.run for one in read_recipe(translate("travis", together, "f").recipe, "f").stages] == [
        "export A=1\nmake check"
    ]


def test_names_of_stages_are_free_and_legal() -> None:
    """Names of steps are free text, those of stages are not."""
    outline = Outline()
    for name in ("a: b", "A  b", "", "…", "x" * 200, "x" * 200, "-v"):
        outline.add_stage(name, "true")
    names = [name for name, _ in outline.stages]
    assert inspect_recipe(write_recipe(outline.recipe()), "f")[1] == []
    assert len({name.casefold() for name in names}) == len(names)
    outline.add_stage("publish ./publish.sh ${{ github.ref_name }} $TARGET", "true")
    assert outline.stages[-1][0] == "publish publish.sh"


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from("abcde"))), st.permutations("abcd"))
def test_jobs_come_after_what_they_need(needs: dict[str, list[str]], names: list[str]) -> None:
    """Each exactly once, circles included."""
    done = ordered(names, needs)
    assert sorted(done) == sorted(names)
    acyclic = {name: [one for one in of if one < name] for name, of in needs.items()}
    order = ordered(names, acyclic)
    assert all(order.index(one) < order.index(name) for name, of in acyclic.items() for one in of if one in order)


KEYS = """
on jobs steps run uses with env if needs strategy matrix include exclude runs-on container services image options ports
defaults shell timeout-minutes path key language os python script install branches only except cache directories addons
apt packages global secure task a_task freebsd_instance x_script x_cache folder x_artifacts only_if depends_on always
when event branch status commands environment from_secret labels name platform settings push schedule cron tags paths a
b working-directory after_script
"""
TEXTS = st.sampled_from(
    ["", "a", "push", "ubuntu-latest", "${{ matrix.a }}", "${{ secrets.B }}", "always()", "make\ncheck", "A=1 B='x y'"]
)
VALUES = st.recursive(
    TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(KEYS.split())), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(sorted(KEYS.split())), VALUES, max_size=5))
def test_whatever_a_file_holds_is_a_recipe_or_one_clear_error(kind: str, content: dict[str, Any]) -> None:
    """Values of the wrong kind at every place: never a traceback, and what is made is a recipe or says what is odd."""
    try:
        done = translate(kind, json.dumps(content), "file")
    except RecipeError:
        return
    try:
        inspect_recipe(done.recipe, "recipe")
    except RecipeError:
        assert any(note.text.startswith("in the recipe ") for note in done.notes)


@pytest.mark.parametrize("text", ["", "- a", "a", "a: *b", "a: !x y", "{", "\x00", "a: &x [*x]"])
def test_what_is_no_build_file_is_told_with_its_line(text: str) -> None:
    """The same bounds and words as for a recipe (S16)."""
    with pytest.raises(RecipeError):
        read_foreign(text, "file")


def test_aliases_and_merges_are_read_as_yaml_says() -> None:
    """`<<` takes over, what stands beside it wins; every value knows its line."""
    read = read_foreign("a: &x {k: 1, l: 2}\nb:\n  k: 3\n  <<: *x\n", "f")
    assert read["b"] == {"k": "3", "l": "2"}
    assert [key.line for key in read] == [1, 2]  # type: ignore[attr-defined]
