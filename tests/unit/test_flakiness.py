"""How the runs of one test are counted: what is flaky, and since when it fails."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.flakiness import Flakiness, Start, find_start, measure_flakiness


@dataclass(frozen=True)
class One:
    sha: str
    result: str | None
    flaky: bool = False


RESULTS = st.sampled_from(["passed", "failed", "error", "skipped", None])
TRIES = st.lists(st.builds(One, st.sampled_from("abcd"), RESULTS, st.booleans()), max_size=30)


def test_failed_and_passed_on_one_commit_is_flaky_and_on_two_is_not() -> None:
    assert measure_flakiness([[One("a", "failed"), One("b", "passed")]]) == Flakiness(2, 1, 2, 0)
    assert measure_flakiness([[One("a", "failed"), One("a", "passed")]]) == Flakiness(2, 1, 1, 1)
    assert measure_flakiness([[One("a", "error"), One("a", "skipped"), One("a", None)]]) == Flakiness(1, 1, 1, 0)


def test_a_test_that_fails_only_on_one_platform_is_not_flaky() -> None:
    assert measure_flakiness([[One("a", "failed")], [One("a", "passed")]]) == Flakiness(2, 1, 2, 0)


def test_a_retry_inside_a_run_counts() -> None:
    assert measure_flakiness([[One("a", "passed", flaky=True)]]).rate == 1.0
    assert measure_flakiness([[One("a", "failed", flaky=True)]]).rate == 0.0, "known as flaky, it only failed here"


@given(st.lists(TRIES, max_size=4))
def test_counts_stay_within_each_other(platforms: list[list[One]]) -> None:
    found = measure_flakiness(platforms)
    assert 0 <= found.failures <= found.attempts
    assert 0 <= found.flaky <= found.commits <= found.attempts
    assert 0.0 <= found.rate <= 1.0


@given(TRIES)
def test_the_order_of_tries_does_not_matter_to_flakiness(tries: list[One]) -> None:
    assert measure_flakiness([tries]) == measure_flakiness([tries[::-1]])


def test_failing_begins_after_the_last_that_passed() -> None:
    tries = [One("d", "failed"), One("c", None), One("b", "error"), One("a", "passed"), One("0", "failed")]
    assert find_start(tries) == Start(2, proven=True)
    assert find_start(tries[:3]) == Start(2, proven=False)
    assert find_start([One("e", "passed"), *tries]) is None
    assert find_start([]) is None


@given(TRIES)
def test_nothing_passed_between_the_start_and_the_newest(tries: list[One]) -> None:
    start = find_start(tries)
    if start is not None:
        assert tries[start.place].result in {"failed", "error"}
        assert "passed" not in {one.result for one in tries[: start.place]}
        assert start.proven == ("passed" in {one.result for one in tries[start.place :]})
