"""docs/recipe.md is in step with the format."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hubwright.domain.recipe import inspect_recipe
from hubwright.domain.recipe_format import FORMAT, MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_RUN_STAGES, MAX_RUNS, MAX_STAGES

PAGE = (Path(__file__).parents[2] / "docs" / "recipe.md").read_text()
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_snippet_is_a_good_file(snippet: str) -> None:
    assert inspect_recipe(snippet)[1] == []


def test_there_are_snippets() -> None:
    assert len(SNIPPETS) >= 3


def test_every_key_is_told() -> None:
    stage = FORMAT.fields["stages"].shape.item.values.table.fields  # type: ignore[union-attr]
    rule = stage["when"].shape.table.fields  # type: ignore[union-attr]

    missing = [key for key in (*FORMAT.fields, *stage, *rule) if f"`{key}`" not in PAGE]
    assert missing == []


def test_the_bounds_are_those_of_the_code() -> None:
    bounds = f"{MAX_BYTES // 1024} KiB, {MAX_DEPTH} levels, {MAX_NODES:,} values with what aliases repeat, "
    bounds += f"{MAX_STAGES} stages, {MAX_RUNS} runs, {MAX_RUN_STAGES:,} stages in all runs together."
    assert bounds in " ".join(PAGE.split())
