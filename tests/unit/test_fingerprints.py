"""Failures that say the same have one fingerprint, others have another: else "seen 14 times" would be a lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.fingerprints import (
    MAX_TITLE,
    MOST,
    BadLine,
    BadStage,
    BadTest,
    Kind,
    find_symptoms,
    normalise,
)

STAGE = BadStage(position=1, name="test", result="failure", exit_code=2)

TWINS = [
    ("connection to 10.0.3.17:40213 refused", "connection to 10.0.4.2:51002 refused"),
    ("2026-11-23T06:04:46Z worker lost", "2025-01-02 03:04:05.678 worker lost"),
    ("Segmentation fault at 0x7f3c9a10", "Segmentation fault at 0xdeadbeef"),
    ("commit 4f2a9c1 not found", "commit 1b0c9d8e7f6a not found"),
    ("/home/ci/work/17/src/ring.c: no such file", "/Users/runner/b/src/ring.c: no such file"),
    ("C:\\ci\\work\\17\\ring.c(3): error", "D:\\b\\ring.c(88): error"),
    ("cannot open '/tmp/pytest-3/test_x0/out'", "cannot open '/tmp/pytest-41/test_y/result'"),
    ("took 0.031s, more than 0.02s", "took 12.5s, more than 0.02s"),
    ("no space left: tmpab12cd9f", "no space left: tmpzz9k1m2n"),
    ("\x1b[31merror:\x1b[0m  bad   thing 5", "error: bad thing 77"),
    ("GET https://pypi.org/simple/a?x=1 failed", "GET https://user:word@pypi.org:443/simple/b failed"),
    ("request 123e4567-e89b-12d3-a456-426614174000 died", "request 00000000-e89b-12d3-a456-426614174fff died"),
    ("expected [1, 2, 3]", "expected [4, 5, 6, 7]"),
]
STRANGERS = [
    ("error: no member named 'tail'", "error: no member named 'tall'"),
    ("error[E0308]: mismatched types", "error[E0277]: mismatched types"),
    ("expected int32_t", "expected int64_t"),
    ("/src/ring.c: no such file", "/src/lexer.c: no such file"),
    ("/work/src/ring.c: no such file", "/work/src/lexer.c: no such file"),
    ("cannot reach https://pypi.org/simple", "cannot reach https://crates.io/simple"),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_lines_that_differ_only_in_what_differs_each_time_are_the_same(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(("one", "other"), STRANGERS)
def test_lines_that_say_something_else_stay_apart(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


WORDS = st.sampled_from(["error:", "cannot", "open", "ring.c", "expected", "int32_t", "'tail'", "while", "E0308"])
LINES = st.lists(WORDS, min_size=1, max_size=8)


@given(
    LINES, st.lists(st.integers(0, 2**64), min_size=9, max_size=9), st.lists(st.integers(0, 9), min_size=9, max_size=9)
)
def test_whatever_the_numbers_between_the_words_are(words: list[str], some: list[int], others: list[int]) -> None:
    """And however the words are spaced."""
    one = " ".join(f"{word} {number}" for word, number in zip(words, some, strict=False))
    other = "  ".join(f"{word}\t{number}" for word, number in zip(words, others, strict=False))
    assert normalise(one) == normalise(other)


@given(LINES, LINES)
def test_other_words_are_another_failure(one: list[str], other: list[str]) -> None:
    assert (normalise(" ".join(one)) == normalise(" ".join(other))) == (one == other)


ODD = st.text(alphabet=st.sampled_from("a1f0xX:/\\.,-_ …#'\"\x1b[m\0é٣T\ud800~(=@"), max_size=60)


@given(st.text(max_size=300) | ODD)
def test_any_text_can_be_told_and_what_is_normalised_stays_so(text: str) -> None:
    once = normalise(text)
    assert "\n" not in once
    assert normalise(once) == once


@given(st.lists(st.builds(BadTest, st.just(1), ODD, ODD, ODD, ODD), max_size=20), ODD)
def test_a_run_has_few_symptoms_each_once_in_the_order_reported(tests: list[BadTest], detail: str) -> None:
    found = find_symptoms([STAGE], tests, [], detail)
    assert len(found) <= MOST
    assert len({one.fingerprint for one in found}) == len(found)
    assert all(len(one.title) <= MAX_TITLE and len(one.fingerprint) == 16 for one in found)


def test_tests_tell_more_than_problems_these_more_than_the_log_and_that_more_than_the_end() -> None:
    test = BadTest(1, "s", "Ring", "wraps", "expected 3\n  at ring.c:7")
    problem = BadLine(1, "src/ring.c", "E1", "no member named 'tail'")
    stage = STAGE._replace(
        log=b"cc -c ring.c\n\x1b[31msrc/ring.c:8:2: error: \x1b[0mno tail\nmake: *** [ring.o] Error 1\n"
    )
    timed = stage._replace(result="timeout", log=b"...\n", detail="No output for 10 minutes\nmore")

    def told(*given: object) -> list[tuple[Kind, str]]:
        return [(one.kind, one.title) for one in find_symptoms(*given)]  # type: ignore[arg-type]

    assert told([stage], [test], [problem], "x") == [(Kind.TEST, "Ring: wraps: expected 3")]
    assert told([stage], [], [problem], "x") == [(Kind.PROBLEM, "src/ring.c: no member named 'tail'")]
    assert told([stage], [], [], "x") == [(Kind.LINE, "src/ring.c:8:2: error: no tail")]
    assert told([timed], [], [], "x") == [(Kind.END, "stage test: No output for 10 minutes")]
    assert told([], [], [], "The builder was lost.") == [(Kind.END, "The builder was lost.")]


def test_what_another_stage_found_says_nothing_of_the_one_that_failed() -> None:
    (found,) = find_symptoms(
        [STAGE._replace(log=b"Traceback (most recent call last):\n")], [BadTest(0, "", "", "t", "")], [], ""
    )
    assert found.kind is Kind.LINE


def test_a_plain_exit_code_is_no_symptom_but_a_signal_is() -> None:
    """Else every failure without a word would count as the same one."""
    assert find_symptoms([STAGE], [], [], "") == []
    (found,) = find_symptoms([STAGE._replace(exit_code=139, detail="Killed by signal 11")], [], [], "")
    assert found.title == "stage test: Killed by signal 11"


def test_a_traceback_is_known_by_its_end() -> None:
    log = b"Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    go()\nKeyError: 'tail'\nbye\n"
    (found,) = find_symptoms([STAGE._replace(log=log)], [], [], "")
    assert found.title == "KeyError: 'tail'"


def test_the_same_message_of_two_tests_is_two_failures() -> None:
    tests = [BadTest(1, "s", "c", name, "assert 1 == 2") for name in ("a", "b")]
    assert len(find_symptoms([STAGE], tests, [], "")) == 2
