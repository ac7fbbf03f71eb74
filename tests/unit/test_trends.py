"""Builds become points of a trend: none is lost, and there are never too many points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.trends import DAY, HOUR, MOST_POINTS, STEPS, Sample, choose_step, make_trend, measure_percentile

MONDAY = 4 * DAY


def sample(at: float, result: str = "success", took: float | None = 10.0) -> Sample:
    return Sample(at=at, result=result, waited=1.0, took=took, tests=3, log_size=100)


SAMPLES = st.lists(
    st.builds(sample, st.floats(0, 2e9), st.sampled_from(["success", "failure", "skip"]), st.floats(0, 1e5)),
    max_size=60,
)


@given(SAMPLES)
def test_every_build_is_in_one_point(samples: list[Sample]) -> None:
    trend = make_trend(samples)
    assert trend.builds == len(samples)
    assert len(trend.points) <= MOST_POINTS + 1
    assert [point.at for point in trend.points] == sorted({point.at for point in trend.points})
    for point in trend.points:
        here = [one for one in samples if point.at <= one.at < point.at + trend.step]
        assert point.builds == len(here)
        assert point.passed <= point.settled <= point.builds
        assert point.took_p50 is not None
        assert point.took_p95 is not None
        assert point.took_p50 <= point.took_p95


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.sampled_from([0.5, 0.95]))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    found = measure_percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_the_step_grows_with_the_time_between() -> None:
    assert choose_step(0) == STEPS[0]
    assert choose_step(59 * HOUR) == HOUR
    assert choose_step(50 * DAY) == DAY
    assert choose_step(1e12) == STEPS[-1]


def test_weeks_begin_on_mondays_and_days_at_midnight() -> None:
    weeks = make_trend([sample(MONDAY + 3 * DAY), sample(MONDAY + 300 * DAY)])
    assert weeks.step == 7 * DAY
    assert weeks.points[0].at == MONDAY
    days = make_trend([sample(MONDAY + 3 * DAY + 5), sample(MONDAY + 33 * DAY)])
    assert days.points[0].at == MONDAY + 3 * DAY


def test_what_says_nothing_of_the_code_does_not_change_the_success_rate() -> None:
    (point,) = make_trend([sample(1), sample(2, "failure"), sample(3, "cancellation"), sample(4, "skip")]).points
    assert point.rate == 0.5
    (silent,) = make_trend([sample(1, "skip", took=None)]).points
    assert silent.rate is None
    assert silent.took_p95 is None


def test_runs_at_once_are_counted_by_the_time_that_they_share() -> None:
    """Two runs all the time, a third for half of it; what lies before the first sample is left out."""
    samples = [sample(MONDAY), sample(MONDAY + 200)]
    runs = [(MONDAY - 500, MONDAY + 200), (MONDAY, MONDAY + 200), (MONDAY + 100, MONDAY + 900)]
    (point,) = make_trend(samples, runs).points
    assert point.busy == pytest.approx(2.5)


def test_nothing_makes_no_points() -> None:
    assert make_trend([]).points == ()
