"""Stages travel to builders and into the database and come back the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.recipe_json import stage_from_json, stage_to_json
from hubwright.domain.recipe_values import Files, Rule, Stage
from hubwright.errors import WireError

_texts = st.lists(st.text(max_size=10), max_size=3).map(tuple)
_times = st.none() | st.integers(1, 10**9)
_rules = st.builds(
    Rule,
    event=_texts,
    branch=_texts,
    tag=_texts,
    paths=_texts,
    platform=_texts,
    label=_texts,
    matrix=st.dictionaries(st.text(max_size=5), _texts, max_size=2),
    status=st.sampled_from([None, "success", "failure", "always"]),
)
_stages = st.builds(
    Stage,
    name=st.text(max_size=10),
    run=st.text(max_size=30),
    kind=st.none() | st.text(max_size=5),
    shell=st.text(max_size=5),
    dir=st.text(max_size=5),
    env=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    secrets=_texts,
    when=st.lists(_rules, max_size=2).map(tuple),
    timeout=_times,
    idle_timeout=_times,
    retry=st.integers(0, 3),
    allow_failure=st.booleans(),
    once=st.booleans(),
    artifacts=st.none() | st.builds(Files, paths=_texts, keep=_times, status=st.text(max_size=5)),
    reports=_texts,
    image=st.none() | st.text(max_size=5),
)


@given(_stages)
def test_a_stage_survives_json(stage: Stage) -> None:
    assert stage_from_json(json.loads(json.dumps(stage_to_json(stage)))) == stage


def test_only_what_differs_from_the_defaults_is_written() -> None:
    assert stage_to_json(Stage(name="test", run="make")) == {"name": "test", "run": "make"}


@pytest.mark.parametrize(
    "data", [{}, {"name": "a"}, {"name": "a", "run": "x", "new": 1}, {"name": "a", "run": "x", "when": [1]}]
)
def test_another_form_is_a_wire_error(data: dict[str, object]) -> None:
    """A builder of this version that meets a newer hub says so in one sentence."""
    with pytest.raises(WireError, match="a stage has a form"):
        stage_from_json(data)
