"""The difference of two runs' tests, whatever they report."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.test_difference import (
    Change,
    Reported,
    compare,
    find_flaky,
    identify,
    name_test,
    word_difference,
)

RESULTS = ("passed", "failed", "error", "skipped")


def run(*cases: tuple[str, str], stage: int = 0) -> list[Reported]:
    return [Reported(number, identify("", "", name), stage, result) for number, (name, result) in enumerate(cases, 1)]


def rows_by_change(now: list[Reported], before: list[Reported]) -> dict[str, list[int]]:
    return {change.value: list(rows) for change, rows in compare(now, before).changes.items() if rows}


def test_system_1s_difference() -> None:
    """Now failing, now passing, still failing, new and gone; what stands as it stood is not told."""
    before = run(("a", "passed"), ("b", "failed"), ("c", "error"), ("d", "passed"), ("e", "skipped"), ("f", "failed"))
    now = run(("a", "failed"), ("b", "passed"), ("c", "failed"), ("d", "passed"), ("e", "failed"), ("n", "passed"),
              ("m", "error"), ("f", "skipped"), ("s", "skipped"))  # fmt: skip

    assert rows_by_change(now, before) == {
        "now_failing": [1, 5, 7],
        "now_passing": [2],
        "still_failing": [3],
        "new": [6, 9],
    }


def test_a_stage_that_did_not_report_lost_no_test() -> None:
    """The second stage was not reached: its tests are not gone."""
    before = [*run(("a", "passed"), ("b", "passed")), *run(("late", "passed"), stage=1)]

    assert compare(run(("a", "passed")), before).gone == [identify("", "", "b")]


def test_of_equal_names_the_worst_counts() -> None:
    """Parametrized tests of some tools share a name."""
    before = run(("a", "passed"), ("a", "failed"))

    assert rows_by_change(run(("a", "passed"), ("a", "failed")), before) == {"still_failing": [2]}
    assert rows_by_change(run(("a", "passed"), ("a", "passed")), before) == {"now_passing": [1]}


def test_flaky_is_failed_and_passed_on_one_commit() -> None:
    """Reruns and attempts of the same commit; a skip says nothing."""
    now = run(("a", "passed"), ("b", "failed"), ("c", "failed"), ("d", "skipped"), ("e", "passed"))
    others = run(("a", "error"), ("b", "passed"), ("c", "failed"), ("d", "failed"), ("e", "skipped"))

    assert find_flaky(now, others) == [1, 2]


cases = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(RESULTS)), max_size=12)


@given(cases, cases)
def test_every_test_is_told_once_or_stands_as_it_stood(
    now: list[tuple[str, str]], before: list[tuple[str, str]]
) -> None:
    """The changes and the tests that are gone never overlap, and swapping the runs swaps new and gone."""
    difference = compare(run(*now), run(*before))
    told = [row for rows in difference.changes.values() for row in rows]
    names = {name for name, _ in now}
    past = {name for name, _ in before}
    failing = {name for name, result in now if result in {"failed", "error"}}

    assert len(told) == len(set(told))
    assert len({now[row - 1][0] for row in told}) == len(told)
    assert set(difference.gone) == ({identify("", "", name) for name in past - names} if now else set())
    assert {now[row - 1][0] for row in difference.changes[Change.NEW]} == names - past - failing
    reds = [*difference.changes[Change.NOW_FAILING], *difference.changes[Change.STILL_FAILING]]
    assert {now[row - 1][0] for row in reds} == failing


@given(cases)
def test_a_run_does_not_differ_from_itself(reported: list[tuple[str, str]]) -> None:
    """Only what fails is told, as still failing."""
    difference = compare(run(*reported), run(*reported))

    assert not difference.gone
    assert not any(difference.changes[change] for change in Change if change is not Change.STILL_FAILING)


WORDS = st.text(st.characters(exclude_characters="\0"))


@given(WORDS, WORDS, WORDS)
def test_a_tests_number_fits_every_database(suite: str, classname: str, name: str) -> None:
    """63 bits, and names that run into each other stay apart."""
    assert 0 <= identify(suite, classname, name) < 2**63
    if classname:
        assert identify(suite, classname, name) != identify(suite + classname, "", name)


def test_the_difference_in_words() -> None:
    """What a status, a line on IRC or a fact says."""
    assert name_test("tests.test_a", "test_x") == "tests.test_a: test_x"
    assert name_test("ring", "ring wraps") == "ring wraps"
    assert word_difference({"now_failing": 0, "new": 5}) == ""
    assert word_difference({"now_failing": 1, "still_failing": 2}, ["a"]) == "1 test now fails (a), 2 tests still fail"
    assert word_difference({"now_failing": 3, "now_passing": 1}, ["a", "b"]) == (
        "3 tests now fail (a, b, …), 1 test passes again"
    )
