"""Values typed when a build is started by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.job_parameters import (
    MAX_PARAMETERS,
    MAX_VALUE,
    Parameter,
    Type,
    check_parameter,
    fill_parameters,
    read_parameters,
)
from hubwright.errors import DefinitionError

FLAVOUR = Parameter(name="FLAVOUR", title="Flavour", required=True, allowed=("plain", "spicy"))
JOBS = Parameter(name="JOBS", type=Type.INTEGER, default="4")
CLEAN = Parameter(name="CLEAN", type=Type.BOOLEAN)
NOTE = Parameter(name="NOTE")

TYPED = st.dictionaries(
    st.one_of(st.sampled_from(["FLAVOUR", "JOBS", "CLEAN", "NOTE"]), st.text(max_size=5)),
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=9), st.floats(), st.just("plain")),
    max_size=5,
)


def problems(defined: list[Parameter], typed: dict[str, Any]) -> dict[str, str]:
    """Pointers and messages of a refusal."""
    with pytest.raises(DefinitionError) as caught:
        fill_parameters(defined, typed)
    return {one.pointer: one.message for one in caught.value.problems}


def test_answers_become_variables() -> None:
    typed = {"FLAVOUR": "spicy", "JOBS": 8, "CLEAN": True, "NOTE": "a b\nc"}

    assert fill_parameters([FLAVOUR, JOBS, CLEAN, NOTE], typed) == {
        "FLAVOUR": "spicy",
        "JOBS": "8",
        "CLEAN": "true",
        "NOTE": "a b\nc",
    }


def test_what_nobody_answered_has_its_default_or_is_not_set() -> None:
    assert fill_parameters([JOBS, CLEAN, NOTE], {}) == {"JOBS": "4"}
    assert fill_parameters([JOBS, CLEAN, NOTE], {"CLEAN": "", "JOBS": None, "NOTE": ""}) == {"JOBS": "4", "NOTE": ""}


def test_each_wrong_value_is_told_with_its_place() -> None:
    """One refusal names them all: nobody should have to try five times."""
    assert problems([FLAVOUR, JOBS, CLEAN], {"JOBS": "four", "CLEAN": "perhaps", "FLAVOR": "plain"}) == {
        "/parameters/FLAVOUR": "Flavour is required",
        "/parameters/JOBS": "JOBS must be a whole number, not 'four'",
        "/parameters/CLEAN": "CLEAN must be true or false, not 'perhaps'",
        "/parameters/FLAVOR": "the job has no parameter 'FLAVOR': did you mean FLAVOUR?",
    }


def test_only_what_is_allowed_is_taken() -> None:
    assert problems([FLAVOUR], {"FLAVOUR": "spiky"}) == {
        "/parameters/FLAVOUR": "Flavour must be one of plain, spicy, not 'spiky', did you mean spicy?"
    }
    assert problems([FLAVOUR], {"FLAVOUR": ""}) == {"/parameters/FLAVOUR": "Flavour is required"}


def test_a_job_without_parameters_takes_any_variable() -> None:
    assert fill_parameters([], {"A": "x", "B": 1}) == {"A": "x", "B": "1"}
    assert "can't be a variable" in problems([], {"a-b": "x"})["/parameters/a-b"]


@pytest.mark.parametrize("value", ["x" * (MAX_VALUE + 1), "a\0b", "\ud800", ["a"], 1.5])
def test_what_no_variable_can_hold_is_refused(value: object) -> None:
    assert "/parameters/NOTE" in problems([NOTE], {"NOTE": value})


def test_the_number_of_parameters_is_bounded() -> None:
    assert "/parameters" in problems([], {f"V{number}": "" for number in range(MAX_PARAMETERS + 1)})


@pytest.mark.parametrize(
    ("parameter", "key"),
    [
        (Parameter(name="PATH"), "name"),
        (Parameter(name="LD_PRELOAD"), "name"),
        (Parameter(name="A", type=Type.CHOICE), "type"),
        (Parameter(name="A", allowed=("x", "x")), "allowed"),
        (Parameter(name="A", allowed=("x", "y"), default="z"), "default"),
        (Parameter(name="A", type=Type.INTEGER, default="z"), "default"),
        (Parameter(name="A", type=Type.INTEGER, allowed=("1", "b")), "allowed"),
        (Parameter(name="A", default="ghp_" + "a1" * 18), "default"),
        (Parameter(name="A", default="x -----BEGIN RSA PRIVATE KEY----- y"), "default"),
        (Parameter(name="A", allowed=("github_pat_" + "a1" * 20,)), "allowed"),
    ],
)
def test_definitions_that_can_not_be_meant(parameter: Parameter, key: str) -> None:
    """A secret is never a default: it would show on the page that asks."""
    assert key in dict(check_parameter(parameter))


def test_usual_definitions_are_good() -> None:
    assert [check_parameter(one) for one in (FLAVOUR, JOBS, CLEAN, NOTE)] == [[], [], [], []]
    items = [{"name": "A", "title": "t", "required": True, "default": "x", "allowed": ["x"]}, {"name": "B"}]
    assert read_parameters(items) == (
        Parameter(name="A", title="t", required=True, default="x", allowed=("x",)),
        Parameter(name="B"),
    )


@settings(deadline=None)
@given(TYPED)
def test_whatever_is_typed_the_variables_hold_to_the_definition(typed: dict[str, Any]) -> None:
    try:
        values = fill_parameters([FLAVOUR, JOBS, CLEAN, NOTE], typed)
    except DefinitionError:
        return

    assert values["FLAVOUR"] in FLAVOUR.allowed
    assert int(values["JOBS"]) is not None
    assert values.get("CLEAN", "true") in {"true", "false"}
    assert values.keys() <= {"FLAVOUR", "JOBS", "CLEAN", "NOTE"}
    assert fill_parameters([FLAVOUR, JOBS, CLEAN, NOTE], values) == values
