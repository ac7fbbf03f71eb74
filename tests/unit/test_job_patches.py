"""Definitions changed in parts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.job_definitions import read_definition
from hubwright.domain.job_patches import patch_definition
from hubwright.errors import DefinitionError

NOW = read_definition(
    """
repository: ann/app
timeout: 60
environment: {A: 1, B: 2}
recipe: {path: ci.yml}
parameters: {X: {title: The X, default: 1}, Y: {}}
triggers: {push: devel, schedule: 30 4 * * *}
on_start: [one, two]
"""
)

_SAID = st.fixed_dictionaries(
    {},
    optional={
        "timeout": st.integers(1, 100),
        "title": st.sampled_from(["a", "b"]),
        "platforms": st.lists(st.sampled_from(["linux", "mac"]), min_size=1, max_size=2),
        "environment": st.dictionaries(st.sampled_from(["A", "B", "C"]), st.sampled_from(["1", "2"]), min_size=1),
        "retention": st.dictionaries(st.sampled_from(["logs", "keep"]), st.integers(1, 9), min_size=1),
        "parameters": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["X", "Y"])}, optional={"title": st.just("t")}),
            unique_by=lambda one: one["name"], min_size=1,
        ),
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("timeout: 2m", {"timeout": 120}),
        ("timeout: ~", {"timeout": None}),
        ("settings: {timeout: ~, env: {B: ~, C: 1.10}}", {"timeout": None, "environment": {"A": "1", "C": "1.10"}}),
        ("recipe_path: x.yml", {"recipe": {"path": "x.yml"}}),
        ("recipe_path: ~", {"recipe": None}),
        ("recipe: detect", {"recipe": {"detect": True}}),
        ("onStart: three", {"on_start": ["three"]}),
        ("environment: ~", {"environment": None}),
        ("environment: {A: ~, B: ~}", {"environment": None}),
        ("on: {push: ~, tag: v*}", {"triggers": {"schedule": [{"cron": "30 4 * * *"}], "tag": ["v*"]}}),
        (
            "parameters: {X: {default: ~}, Z: {}}",
            {"parameters": [{"name": "X", "title": "The X"}, {"name": "Y"}, {"name": "Z"}]},
        ),
        ("parameters: {X: ~}", {"parameters": [{"name": "Y"}]}),
        ("parameters: [{name: Z}]", {"parameters": [{"name": "Z"}]}),
        ("nothing: ~\npriority: ~", {}),
        ("settings: ~", {key: None for key in NOW if key != "repository"}),
    ],
)  # fmt: skip
def test_what_is_named_changes_and_the_rest_stays(change: str, after: dict[str, Any]) -> None:
    wanted = {key: value for key, value in {**NOW, **after}.items() if value is not None}
    assert patch_definition(NOW, change, "yaml") == wanted


def test_what_is_wrong_in_the_change_or_with_what_comes_of_it_is_told() -> None:
    with pytest.raises(DefinitionError) as told:
        patch_definition(NOW, "settings:\n  timeot: 1\n", "yaml")
    assert [(one.pointer, one.line) for one in told.value.problems] == [("/settings/timeot", 2)]
    with pytest.raises(DefinitionError) as told:
        patch_definition(NOW, {"secrets": ["X"]})
    assert [one.pointer for one in told.value.problems] == ["/parameters/0"]
    with pytest.raises(DefinitionError):
        patch_definition({}, {"repository": "ann/app"}, folder=True)


@given(_SAID, _SAID)
def test_a_change_says_what_it_says_and_saying_it_again_makes_no_difference(first: Any, second: Any) -> None:
    before, change = read_definition(first), read_definition(second)
    after = patch_definition(before, second)
    assert patch_definition(before, {}) == before
    assert patch_definition(after, second) == after
    assert patch_definition({}, second) == change
    assert patch_definition(after, dict.fromkeys(after)) == {}
    assert all(after[key] == value for key, value in change.items() if not isinstance(value, dict))
