"""The examples are recipes that this version carries out wholly."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubwright.domain.matching import Circumstances
from hubwright.domain.planning import plan_runs
from hubwright.domain.recipe import read_recipe

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*/.hubwright.yml"))


def test_there_are_examples_and_each_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    assert len(FILES) >= 3
    assert all(f"[{file.parent.name}](" in listed for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_an_example_has_no_problems_and_no_warnings(file: Path) -> None:
    recipe = read_recipe(file.read_bytes(), str(file))
    assert recipe.warnings == ()
    known = ["freebsd-15", "linux-x86_64", "macosx-arm64", "windows-x86_64"]
    runs = plan_runs(recipe, Circumstances(event="push", branch="main"), known, "linux-x86_64")
    assert runs
    for stage in recipe.stages:
        count = sum(stage.name == planned.stage.name for run in runs for planned in run.stages)
        assert count == 1 if stage.once else count >= 1, stage.name
