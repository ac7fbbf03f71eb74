"""What an end means for its branch, whatever came before."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.results import Result
from hubwright.domain.streaks import TELLING, End, carry_on

GOOD, BAD = Result.SUCCESS, (Result.FAILURE, Result.ERROR, Result.TIMEOUT)


def tell(ends: list[tuple[int, Result]]) -> list[dict[str, Any] | None]:
    """The streaks of builds that end one after the other, each told what the one before has said."""
    told: list[dict[str, Any] | None] = []
    before: dict[str, Any] | None = None
    for at, (build, result) in enumerate(ends):
        streak = carry_on(End(build, result, float(at)), before)
        told.append(streak)
        if streak is not None:
            before = {"result": result.value, "streak": streak}
    return told


def turns(*results: Result) -> list[str | None]:
    return [None if one is None else one["turn"] for one in tell(list(enumerate(results, 1)))]


def test_a_branch_breaks_stays_broken_and_is_fixed() -> None:
    told = turns(GOOD, Result.FAILURE, Result.TIMEOUT, GOOD, GOOD)
    assert told == ["success", "broken", "still-failing", "fixed", "success"]


def test_what_says_nothing_of_the_code_turns_nothing() -> None:
    told = turns(GOOD, Result.SKIP, Result.FAILURE, Result.CANCELLATION, Result.FAILURE)
    assert told == ["success", None, "broken", None, "still-failing"]


def test_who_fixed_it_is_told_how_long_it_was_broken_and_since_when() -> None:
    fixed = tell([(10, GOOD), (11, Result.FAILURE), (14, Result.ERROR), (15, GOOD)])[-1]
    assert fixed is not None
    assert fixed["was"] == {"since": 11, "since_at": 1.0, "builds": 2, "good": 10, "newest": 14}


def test_a_build_that_is_begun_again_counts_once() -> None:
    """What a rerun repeats is no second build; what it mends is fixed by itself."""
    told = tell([(1, GOOD), (2, Result.FAILURE), (2, Result.FAILURE), (2, GOOD)])
    assert [one["turn"] if one else None for one in told] == ["success", "broken", "still-failing", "fixed"]
    assert told[2] is not None
    assert (told[2]["builds"], told[2]["since"]) == (1, 2)


def test_an_end_of_an_older_release_without_a_streak_still_tells_the_turn() -> None:
    assert (carry_on(End(2, Result.FAILURE, 5.0), {"result": "success"}) or {})["turn"] == "broken"
    again = carry_on(End(3, Result.FAILURE, 6.0), {"result": "failure"})
    assert again is not None
    assert (again["turn"], again["since"]) == ("still-failing", 3)


@given(st.lists(st.sampled_from(list(Result)), max_size=30))
def test_a_streak_is_as_long_as_the_ends_of_its_kind_and_begins_at_the_first(results: list[Result]) -> None:
    ends = list(enumerate(results, 1))
    told = tell(ends)
    telling = [(build, result) for build, result in ends if result in TELLING]
    for (build, result), streak in zip(ends, told, strict=True):
        assert (streak is None) is (result not in TELLING)
        if streak is None:
            continue
        so_far = [one for one in telling if one[0] <= build]
        alike = [one for one in so_far if (one[1] is GOOD) is (result is GOOD)]
        others = [one[0] for one in so_far if (one[1] is GOOD) is not (result is GOOD)]
        row = [one[0] for one in alike if one[0] > max(others, default=0)]
        assert (streak["since"], streak["builds"], streak["newest"]) == (row[0], len(row), build)
        if result in BAD:
            assert streak.get("good") == max(others, default=None)


@pytest.mark.parametrize("odd", [{"result": "success", "streak": None}, {}, {"result": None}])
def test_a_damaged_end_before_is_as_good_as_none(odd: dict[str, Any]) -> None:
    assert (carry_on(End(1, Result.SUCCESS, 0.0), odd) or {})["turn"] == "success"
