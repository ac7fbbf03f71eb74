"""Finding things by some letters: what a question may mean, and what fits best."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.finding import find_best, rank, read_query

NAMES = ("core/engine", "core/engine-tools", "tools/search-engine", "core/parser", "gene/x")


def find(text: str) -> list[str]:
    return find_best(read_query(text).words, NAMES, str, 10)


def test_the_name_itself_comes_before_what_only_begins_or_contains_it() -> None:
    """Who types a whole name means that one."""
    assert find("engine") == ["core/engine", "tools/search-engine", "core/engine-tools"]
    assert find("gin") == ["core/engine", "core/engine-tools", "tools/search-engine"]


def test_all_words_are_to_be_in_it_in_any_order_and_case() -> None:
    """People remember pieces."""
    assert find("Eng core") == ["core/engine", "core/engine-tools"]
    assert find("core nothing") == []
    assert find("  ") == []


@pytest.mark.parametrize(
    ("text", "named", "number", "sha"),
    [
        ("engine 38", ("engine",), 38, None),
        ("core/Engine#38", ("core/engine",), 38, None),
        ("#38", (), 38, None),
        ("1234567", (), 1234567, "1234567"),
        ("DEE0C4B", (), None, "dee0c4b"),
        ("main", (), None, None),
    ],
)
def test_a_question_may_mean_a_build_or_a_commit(
    text: str, named: tuple[str, ...], number: int | None, sha: str | None
) -> None:
    """The same words as pages and messages use: JOB #NUMBER, the start of a commit's name."""
    wanted = read_query(text)
    assert (wanted.named, wanted.number, wanted.sha) == (named, number, sha)


@given(st.text(max_size=300))
def test_any_text_is_a_question_with_numbers_that_databases_hold(text: str) -> None:
    """What comes from an address is not to fail a page."""
    wanted = read_query(text)
    assert len(wanted.text) <= 200
    assert wanted.number is None or 0 <= wanted.number < 2**63
    assert wanted.number is not None or wanted.named == ()


@given(st.text("abc/-", min_size=1, max_size=12), st.data())
def test_whatever_part_of_a_name_is_typed_finds_it_and_the_whole_fits_no_worse(name: str, data: st.DataObject) -> None:
    """No part of a name is lost between its pieces."""
    start = data.draw(st.integers(0, len(name) - 1))
    piece = name[start : data.draw(st.integers(start + 1, len(name)))]
    part, whole = rank([piece], name), rank([name], name)
    assert part is not None
    assert whole is not None
    assert whole <= part
