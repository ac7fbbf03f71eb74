"""What one run says of a failure that is searched for, and what is searched for at all."""

from __future__ import annotations

import pytest

from hubwright.domain.bisection import TRIES, Finding, Sight, Verdict
from hubwright.domain.sights import (
    MAX_TARGETS,
    FailedCase,
    Seen,
    StageEnd,
    Target,
    choose_targets,
    look,
    read_targets,
    word_finding,
    word_targets,
)

GOOD, BAD, UNKNOWN = (Sight.GOOD,), (Sight.BAD,), (Sight.UNKNOWN,)
NEVER = UNKNOWN * TRIES
TEST = Target(stage="test", test="c: test_b", identity=7)
STAGE = Target(stage="build")
PASSED, BROKEN = {"build": "success", "test": "success"}, {"build": "success", "test": "failure"}


def seen(result: str | None, stages: dict[str, str | None], case: str = "", **more: bool) -> Seen:
    cases = {TEST.key: case} if case else {}
    return Seen(sha="a", result=result, own=more.pop("own", True), stages=stages, cases=cases, **more)


@pytest.mark.parametrize(
    ("run", "sights"),
    [
        (seen("failure", BROKEN, "failed"), BAD),
        (seen("failure", BROKEN, "error"), BAD),
        (seen("failure", BROKEN, "passed"), GOOD),  # another test failed
        (seen("success", PASSED, "passed"), GOOD),
        (seen("success", PASSED), GOOD),  # the test came later
        (seen("failure", {"build": "success", "test": "success", "lint": "failure"}), GOOD),
        (seen("success", PASSED, "skipped"), GOOD),
        (seen("failure", BROKEN), NEVER),  # it broke before it reported
        (seen("failure", {"build": "failure", "test": "skip"}), NEVER),
        (seen("error", {"build": "success", "test": None}), UNKNOWN),  # the builder was lost: worth another try
        (seen("cancellation", {}), UNKNOWN),
        (seen("cancellation", {}, own=False), ()),
        (seen("timeout", {"build": "success"}, own=False), ()),
        (seen("skip", {}), GOOD),  # the recipe has no such stage yet
        (seen("success", {"build": "success"}, own=False, cut=True), ()),  # another search did not go so far
        (seen("success", {"build": "success"}, own=False), GOOD),
    ],
)
def test_what_a_run_says_of_a_test(run: Seen, sights: tuple[Sight, ...]) -> None:
    assert look(TEST, run) == sights


@pytest.mark.parametrize(
    ("run", "sights"),
    [
        (seen("success", PASSED), GOOD),
        (seen("failure", BROKEN), GOOD),
        (seen("failure", {"build": "failure", "test": "skip"}), BAD),
        (seen("failure", {"configure": "failure", "build": "skip"}), NEVER),
        (seen("timeout", {"build": "timeout"}), UNKNOWN),
        (seen("success", {"test": "success"}), GOOD),
    ],
)
def test_what_a_run_says_of_a_stage(run: Seen, sights: tuple[Sight, ...]) -> None:
    assert look(STAGE, run) == sights


def ends(**results: str) -> list[StageEnd]:
    return [StageEnd(place, name, result, False) for place, (name, result) in enumerate(results.items())]


def failed(name: str, position: int = 1, *, fresh: bool = True, flaky: bool = False) -> FailedCase:
    return FailedCase(position, hash(name), name, fresh, flaky)


def test_tests_that_fail_only_now_are_searched_for() -> None:
    cases = [failed("old", fresh=False), failed("shaky", flaky=True), failed("b"), failed("c"), failed("b")]
    assert [one.test for one in choose_targets(ends(build="success", test="failure"), cases, ())] == ["b", "c"]
    assert [one.test for one in choose_targets(ends(build="success", test="failure"), cases, (), 1)] == ["b"]
    many = [failed(f"t{number}") for number in range(50)]
    assert len(choose_targets(ends(build="success", test="failure"), many, ())) == MAX_TARGETS


def test_where_only_old_or_flaky_tests_fail_there_is_nothing_to_search_for() -> None:
    """Not the stage either: it fails because of them."""
    cases = [failed("old", fresh=False), failed("shaky", flaky=True)]
    assert choose_targets(ends(build="success", test="failure"), cases, ()) == []


def test_a_stage_without_tests_is_searched_for_unless_it_failed_before() -> None:
    """Tests of another stage, which may fail, are not what broke this one."""
    stages = [StageEnd(0, "lint", "failure", True), StageEnd(1, "build", "failure", False)]
    assert choose_targets(stages, [failed("l", 0)], ()) == [Target(stage="build")]
    assert choose_targets(stages, [], ("build",)) == []
    assert choose_targets(ends(build="success", test="timeout"), [], ()) == []


def test_targets_are_stored_and_named() -> None:
    assert read_targets([TEST.to_json(), STAGE.to_json()]) == (TEST, STAGE)
    assert (TEST.key, STAGE.key, Target(test="x").key) == ("test:7", "stage:build", "test:x")
    assert (TEST.words, STAGE.words) == ("c: test_b", "stage build")
    assert word_targets(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_an_answer_without_a_culprit_is_said_in_words() -> None:
    def said(verdict: Verdict, *suspects: str) -> str:
        return word_finding(Finding(target="t", verdict=verdict, suspects=suspects), "test_b")

    assert said(Verdict.FLAKY) == "test_b both failed and passed on one commit: it is flaky"
    assert said(Verdict.STANDING) == "test_b fails at the good end too"
    assert said(Verdict.SUSPECTS, "a" * 40, "b" * 40) == (
        "test_b was broken by one of 2 commits from aaaaaaa to bbbbbbb"
    )
