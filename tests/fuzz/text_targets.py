"""Files of repositories and definitions of jobs: text that people, and strangers in forks, write."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import yaml

from fuzz.choices import Choices, spoil
from fuzz.finding import expect
from hubwright.domain.detection import detect_recipe
from hubwright.domain.foreign import KINDS, translate
from hubwright.domain.job_definitions import read_definition, write_definition
from hubwright.domain.job_patches import patch_definition
from hubwright.domain.matching import Circumstances
from hubwright.domain.planning import plan_runs
from hubwright.domain.recipe import inspect_recipe
from hubwright.domain.recipe_difference import compare_recipes, write_changes
from hubwright.domain.recipe_excerpt import problem_report
from hubwright.domain.recipe_json import stage_from_json, stage_to_json
from hubwright.domain.recipe_values import Recipe
from hubwright.errors import DefinitionError, RecipeError
from recipe_samples import FULL, SMALLEST

HERE = Circumstances(event="push", branch="main")
JOB: dict[str, Any] = {
    "title": "Nightly", "description": "of the hub", "labels": ["linux"],
    "triggers": {"schedule": [{"cron": "0 3 * * *"}]},
    "parameters": {"FLAVOUR": {"default": "a", "choices": ["a", "b"]}}, "env": {"A": "1"}, "retention": {"days": 30},
}  # fmt: skip
TREES = tuple(yaml.safe_load(text) for text in (FULL.replace("3.11", "'3.11'"), SMALLEST))
SAMPLE = inspect_recipe(FULL)[0]


def read_recipe(data: bytes) -> bool:
    """A build file as bytes: a recipe, or problems that have a place; whatever it is can be planned and shown."""
    return _read(data, data.decode("utf-8", "replace"))


def read_recipe_tree(data: bytes) -> bool:
    """A good build file with some of its places spoiled."""
    choices = Choices(data)
    text = yaml.safe_dump(spoil(choices.one(TREES), choices), allow_unicode=True)
    return _read(text, text)


def read_job(data: bytes) -> bool:
    """A definition as YAML or JSON; what it says, written, is read as the same, and may change another."""
    choices = Choices(data)
    folder = bool(choices.number(2))
    spoilt = choices.number(2)
    text = json.dumps(spoil(JOB, choices)).encode() if spoilt else choices.rest()
    try:
        document = read_definition(text, folder=folder)
    except DefinitionError as error:
        expect(bool(error.problems), "refused without a reason")
        return False
    for form in ("json", "yaml"):
        again = read_definition(write_definition(document, form), form, folder=folder)  # type: ignore[arg-type]
        expect(again == document, f"{form}: what was written is read as something else")
    same = {key: value for key, value in document.items() if value != {}}  # which says as much as nothing
    expect(patch_definition(document, document, folder=folder) == same, "a change to the same changes something")
    with suppress(DefinitionError):
        patch_definition(read_definition({"title": "x", "env": {"A": "1"}}, folder=folder), text, folder=folder)
    return True


def read_foreign(data: bytes) -> bool:
    """A build file of another system: a recipe's text and notes, or problems with lines."""
    choices = Choices(data)
    kind = choices.one(tuple(KINDS))
    text = choices.rest()
    try:
        found = translate(kind, text, "file.yml")
    except RecipeError as error:
        _has_places(error, text.decode("utf-8", "replace"))
        return False
    try:
        inspect_recipe(found.recipe)
    except RecipeError:
        expect(bool(found.notes), "a recipe that can't be read, and no note says so")
    return True


def detect(data: bytes) -> bool:
    """A tree without a build file: names by the line, and one content for all."""
    head, _, content = data.partition(b"\n\n")
    paths = [name for name in head.decode("utf-8", "replace").split("\n") if name]
    recipe = detect_recipe(paths, lambda path: content if path in paths else None)
    return recipe is not None and bool(plan_runs(recipe, HERE, ("linux",), "linux"))


def _read(source: str | bytes, text: str) -> bool:
    try:
        recipe, notices = inspect_recipe(source)
    except RecipeError as error:
        _has_places(error, text)
        return False
    expect(all(line >= 1 and column >= 1 for line, column, _ in notices), "a notice without a place")
    for stage in recipe.stages:
        expect(stage_from_json(json.loads(json.dumps(stage_to_json(stage)))) == stage, "a stage does not come back")
    plan_runs(recipe, HERE, ("linux", "macos-15"), "linux")
    expect(not compare_recipes(recipe, recipe), "a recipe differs from itself")
    write_changes(compare_recipes(SAMPLE, recipe))
    return isinstance(recipe, Recipe)


def _has_places(error: RecipeError, text: str) -> None:
    expect(bool(error.problems), "refused without a reason")
    expect(all(line >= 1 and column >= 1 for line, column, _ in error.problems), "a problem without a place")
    problem_report(error, text)
