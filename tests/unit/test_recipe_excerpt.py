"""A bad build file is a failed build whose log shows the lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.recipe import read_recipe
from hubwright.domain.recipe_excerpt import problem_report, recipe_excerpt
from hubwright.errors import RecipeError

TEXT = "stages:\n  - test:\n      run: make\n      retry: 9\n  - docs: make docs\n"


def test_the_line_stands_among_its_neighbours_with_a_caret() -> None:
    assert recipe_excerpt(TEXT, 4, context=1, column=14) == (
        "3 |       run: make\n4 |       retry: 9\n  |              ^\n5 |   - docs: make docs"
    )


def test_without_a_column_the_caret_is_below_the_first_word() -> None:
    assert recipe_excerpt(TEXT, 2, context=0) == "2 |   - test:\n  |   ^"


def test_nothing_from_the_file_reaches_a_terminal_or_log_as_control_characters() -> None:
    """S15: an excerpt is shown in logs, pages and terminals."""
    assert "\x1b" not in recipe_excerpt("a: \x1b[31mred\u202e", 1)


def test_a_long_line_is_cut_around_the_caret() -> None:
    first, caret = recipe_excerpt("x" * 5000 + "!" + "y" * 5000, 1, column=5001).splitlines()

    assert len(first) < 130
    assert first[caret.index("^")] == "!"


def test_the_report_has_every_problem_with_its_lines() -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(TEXT, "ci.yml")

    assert problem_report(caught.value, TEXT) == (
        "ci.yml:4:14: `retry` must be 0, 1, 2 or 3, not '9'\n"
        "2 |   - test:\n3 |       run: make\n4 |       retry: 9\n  |              ^\n5 |   - docs: make docs\n"
    )


def test_a_report_of_thousands_of_problems_is_bounded() -> None:
    error = RecipeError("f", [(1, 1, "bad")] * 5000)

    assert "and 4980 more problems" in problem_report(error, "x")
    assert len(problem_report(error, "x")) < 2000


@given(st.text(max_size=50), st.integers(-5, 100), st.integers(0, 5), st.none() | st.integers(1, 300))
def test_any_place_in_any_text_can_be_shown(text: str, line: int, context: int, column: int | None) -> None:
    assert "^" in recipe_excerpt(text, line, context, column)
