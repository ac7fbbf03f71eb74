"""The table of known attacks is in step with the tests that try them (S45)."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "threat-model.md"
CASES = [f"S{number}" for number in range(1, 46)]


def read_table() -> dict[str, list[str]]:
    """The names of the tests by case."""
    part = PAGE.read_text().partition("<!-- attacks -->")[2].partition("<!-- end of attacks -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in part.splitlines() if "`" in line]
    return {row[0].strip(): re.findall(r"`([^`]+::[^`]+)`", row[-1]) for row in rows}


@cache
def docstrings_of(file: str) -> dict[str, str]:
    """What each test of a file says that it holds, behind what the file says of all of them."""
    tree = ast.parse((TESTS / file).read_text())
    of_all = ast.get_docstring(tree) or ""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {one.name: f"{of_all} {ast.get_docstring(one)}" for one in ast.walk(tree) if isinstance(one, kinds)}


def test_every_case_has_a_row() -> None:
    """One that is left out would look as if it had been thought of."""
    assert list(read_table()) == CASES


@pytest.mark.parametrize("case", CASES)
def test_every_attack_has_tests_that_name_it(case: str) -> None:
    """A test that was renamed, or that holds something else by now, leaves a promise that nobody keeps."""
    tests = read_table()[case]
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        assert name in docstrings_of(file), f"there is no {test}"
        named = set(re.findall(r"\bS\d+\b", docstrings_of(file)[name]))
        assert case in named, f"{test} does not name {case}"
