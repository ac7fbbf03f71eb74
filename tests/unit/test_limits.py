"""What a recipe may ask of a machine, and what it gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.limits import Limits, read_limits, read_size
from hubwright.domain.recipe import read_recipe
from hubwright.errors import RecipeError

BOUNDS = st.builds(
    Limits,
    memory=st.none() | st.integers(1, 2**50),
    pids=st.none() | st.integers(1, 10**6),
    cpu=st.none() | st.floats(0.01, 512),
)


@given(BOUNDS, BOUNDS)
def test_nobody_gets_more_than_the_builder_allows(asked: Limits, ceiling: Limits) -> None:
    """S41: whatever a recipe says, the builder's bound holds; and asking for less gives less."""
    given_ = asked.within(ceiling)

    assert given_.exceeded(ceiling) == ()
    assert given_.exceeded(asked) == ()
    assert given_ == ceiling.within(asked)


@given(BOUNDS)
def test_limits_come_back_from_the_wire(limits: Limits) -> None:
    assert read_limits(limits.to_json()) == limits


def test_what_is_no_limit_is_left_out() -> None:
    """A newer hub may know more of them; nought and less would mean that nothing can run."""
    assert read_limits({"memory": 0, "pids": -1, "cpu": 0.5, "gpu": 1}) == Limits(cpu=0.5)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("512B", 512), ("2K", 2048), ("3MB", 3 * 1024**2), ("2GiB", 2 * 1024**3), ("1T", 1024**4)],
)
def test_sizes_are_powers_of_1024(text: str, size: int) -> None:
    assert read_size(text) == size


def test_a_recipe_says_network_and_limits() -> None:
    """The file's `network` is for all stages that say nothing themselves."""
    recipe = read_recipe(
        "network: false\nlimits: {memory: 2GiB, pids: 500, cpu: 1.5}\n"
        "stages:\n  - one: make\n  - two: {run: make, network: true}\n"
    )

    assert recipe.limits == Limits(memory=2 * 1024**3, pids=500, cpu=1.5)
    assert [stage.network for stage in recipe.stages] == [False, True]
    assert read_recipe("stages: [{a: b}]").stages[0].network is True


@pytest.mark.parametrize(
    "limits", ["{}", "{memory: lots}", "{pids: 0}", "{cpu: 0.0}", "{cpu: -1}", "{privileged: true}"]
)
def test_odd_limits_are_refused(limits: str) -> None:
    """S41: also what is no limit at all."""
    with pytest.raises(RecipeError):
        read_recipe(f"limits: {limits}\nstages: [{{a: b}}]")
