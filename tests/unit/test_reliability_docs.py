"""docs/reliability.md names a test for each case of our list, and each is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(r"^\| R(\d+) \| (.+?) \| (.+) \|$", (ROOT / "docs/reliability.md").read_text(), re.MULTILINE)


def test_every_case_has_a_row() -> None:
    """R1 to R30, each once."""
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 31))


@pytest.mark.parametrize(("number", "tests"), [(number, tests) for number, _, tests in ROWS])
def test_every_case_has_its_tests(number: str, tests: str) -> None:
    """The file is there, knows the case by its number, and has the test that is named."""
    named = re.findall(r"`([^`]+)`", tests)
    assert named
    for name in named:
        file, _, test = name.partition("::")
        text = (ROOT / file).read_text()
        assert f"def {test}(" in text or not test, name
        assert re.search(rf"\bR{number}\b", text), f"{file} does not know R{number}"
