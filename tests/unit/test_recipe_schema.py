"""The published JSON Schema says the same as the reader, both being made from one description."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from hubwright.domain.recipe import read_recipe
from hubwright.domain.recipe_format import FORMAT
from hubwright.domain.recipe_schema import recipe_schema
from hubwright.domain.recipe_values import Recipe, Rule, Stage
from recipe_samples import BAD, FULL, SMALLEST

VALIDATOR = Draft7Validator(recipe_schema())
ODD = """\
version: 1
env: {A: 3.10, B: no, C: 1, D: , E: true}
matrix: {v: [3.10, true, 2], include: [{v: 4, more: no}], exclude: [{v: 2}]}
stages:
  - 3: true
  - b: {run: [1, two], retry: 3, once: true, allow_failure: "false", env: {X: 1.0}}
"""


def as_editor_sees(text: str) -> Any:
    """What yaml-language-server checks: typed values, and keys that are always text."""
    return json.loads(json.dumps(yaml.safe_load(text)))


def as_text(text: str) -> Any:
    return yaml.load(text, Loader=yaml.BaseLoader)


def test_the_schema_is_a_valid_schema_and_plain_json() -> None:
    Draft7Validator.check_schema(recipe_schema())

    assert json.loads(json.dumps(recipe_schema())) == recipe_schema()


@pytest.mark.parametrize("text", [SMALLEST, FULL, ODD], ids=["smallest", "full", "odd"])
def test_good_files_are_good_for_reader_and_schema(text: str) -> None:
    """Editors type values before they check, other tools do not; both must pass."""
    assert read_recipe(text).stages
    assert list(VALIDATOR.iter_errors(as_editor_sees(text))) == []
    assert list(VALIDATOR.iter_errors(as_text(text))) == []


@pytest.mark.parametrize("text", [text for text, _, _ in BAD])
def test_what_the_reader_refuses_the_schema_refuses(text: str) -> None:
    """All that a schema can say; only doubled keys and names, and sums over the file, are left to the reader."""
    assert not VALIDATOR.is_valid(as_text(text))


@pytest.mark.parametrize("text", [text for text, _, _ in BAD if "once: maybe" not in text and "[a: ]" not in text])
def test_editors_see_the_same_faults(text: str) -> None:
    assert not VALIDATOR.is_valid(as_editor_sees(text))


def test_keys_without_effect_say_so_in_the_schema() -> None:
    assert "Not carried out yet" in recipe_schema()["properties"]["notify"]["description"]


def test_every_value_has_its_key_and_every_key_its_value() -> None:
    """A key that is described but read into nothing would be passed over silently."""
    stage = FORMAT.fields["stages"].shape.item.values.table.fields  # type: ignore[union-attr]
    rule = stage["when"].shape.table.fields  # type: ignore[union-attr]

    assert _active(stage) - {"cache"} == {f.name for f in fields(Stage)} - {"name"}  # caches are read into the recipe
    assert _active(rule) == {f.name for f in fields(Rule)}
    asked = {f.name for f in fields(Recipe)} - {"origin", "warnings", "cancel"}
    assert _active(FORMAT.fields) - {"version", "image"} == asked  # an image is the stages'


def _active(known: dict[str, Any]) -> set[str]:
    return {name for name, field in known.items() if not field.later}
