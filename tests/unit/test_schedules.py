"""Cron in time zones: what happens where clocks go forward and back."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubwright.domain.schedules import MAX_CRON, Schedule, next_time, read_schedule, times_after
from hubwright.errors import UnprocessableError

ZURICH, NEW_YORK, LORD_HOWE = "Europe/Zurich", "America/New_York", "Australia/Lord_Howe"
ZONES = [ZURICH, NEW_YORK, LORD_HOWE, "UTC", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia"]

FIELD = st.integers(0, 59)
HOURS = st.one_of(st.just("*"), st.integers(0, 23).map(str), st.just("*/2"), st.just("1,2,3"))
MINUTES = st.one_of(st.just("*/7"), st.just("*"), FIELD.map(str), st.just("0,30"))
CRONS = st.builds(
    "{} {} {} * {}".format, MINUTES, HOURS, st.sampled_from(["*", "1", "*/3"]), st.sampled_from(["*", "1-5"])
)
MOMENTS = st.floats(datetime(2020, 1, 1, tzinfo=UTC).timestamp(), datetime(2030, 1, 1, tzinfo=UTC).timestamp())


def moment(text: str) -> float:
    """`2026-03-29T00:30Z` or with another offset."""
    return datetime.fromisoformat(text).timestamp()


def times(cron: str, zone: str, after: str, count: int) -> list[str]:
    """The next times as the clocks of the zone show them, with their offset from UTC."""
    found = islice(times_after(read_schedule(cron, zone), moment(after)), count)
    return [datetime.fromtimestamp(one, ZoneInfo(zone)).isoformat(timespec="minutes") for one in found]


def test_a_time_of_day_stays_when_the_offset_changes() -> None:
    """`0 4 * * *` is four o'clock in summer and winter."""
    assert times("0 4 * * *", ZURICH, "2026-03-28T12:00Z", 2) == ["2026-03-29T04:00+02:00", "2026-03-30T04:00+02:00"]
    assert times("0 4 * * *", ZURICH, "2026-10-24T12:00Z", 2) == ["2026-10-25T04:00+01:00", "2026-10-26T04:00+01:00"]


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        (ZURICH, "30 2 * * *", "2026-03-28T12:00Z", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        (NEW_YORK, "30 2 * * *", "2026-03-07T12:00Z", ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]),
        # The clocks of Lord Howe skip half an hour only, from 2:00 to 2:30.
        (LORD_HOWE, "15 2 * * *", "2026-10-03T12:00Z", ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]),
        (LORD_HOWE, "45 2 * * *", "2026-10-03T12:00Z", ["2026-10-04T02:45+11:00", "2026-10-05T02:45+11:00"]),
    ],
)
def test_a_time_that_the_clocks_skip_comes_when_the_gap_ends(
    zone: str, cron: str, after: str, expected: list[str]
) -> None:
    """The nightly build must not be missing for one night."""
    assert times(cron, zone, after, 2) == expected


def test_two_times_in_one_gap_are_one() -> None:
    assert times("0,30 2 * * *", ZURICH, "2026-03-28T12:00Z", 2) == ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]
    assert times("0 2,3 * * *", ZURICH, "2026-03-28T12:00Z", 2) == ["2026-03-29T03:00+02:00", "2026-03-30T02:00+02:00"]


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        (ZURICH, "30 2 * * *", "2026-10-24T12:00Z", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
        (NEW_YORK, "30 1 * * *", "2026-10-31T12:00Z", ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]),
        (LORD_HOWE, "45 1 * * *", "2026-04-04T12:00Z", ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"]),
    ],
)
def test_a_time_that_the_clocks_show_twice_comes_once(zone: str, cron: str, after: str, expected: list[str]) -> None:
    assert times(cron, zone, after, 2) == expected


def test_between_the_two_showings_nothing_comes_again() -> None:
    """A hub that is started in the doubled hour must not take the first showing for one to come."""
    assert times("45 2 * * *", ZURICH, "2026-10-25T02:10+01:00", 1) == ["2026-10-26T02:45+01:00"]


def test_what_goes_by_the_minute_goes_by_real_time() -> None:
    assert times("*/30 * * * *", ZURICH, "2026-10-25T00:15Z", 4) == [
        "2026-10-25T02:30+02:00",
        "2026-10-25T02:00+01:00",
        "2026-10-25T02:30+01:00",
        "2026-10-25T03:00+01:00",
    ]
    assert times("*/30 * * * *", ZURICH, "2026-03-29T00:45Z", 2) == ["2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00"]
    assert times("*/20 * * * *", LORD_HOWE, "2026-04-04T14:50Z", 3) == [
        "2026-04-05T01:40+10:30",
        "2026-04-05T02:00+10:30",
        "2026-04-05T02:20+10:30",
    ]


@settings(deadline=None)
@given(CRONS, st.sampled_from(ZONES), MOMENTS)
def test_times_rise_and_do_not_depend_on_where_one_begins(cron: str, zone: str, after: float) -> None:
    """A hub remembers only the last time: what comes next must be the same as without the pause."""
    schedule = read_schedule(cron, zone)
    several = list(islice(times_after(schedule, after), 4))

    assert all(one > after for one in several)
    assert several == sorted(set(several))
    for one, following in pairwise(several):
        assert next_time(schedule, one) == following
        assert next_time(schedule, following - 1) == following


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("", "minute, hour"),
        ("* * * *", "minute, hour"),
        ("0 * * * * *", "minute, hour"),
        ("60 * * * *", "minute is wrong"),
        ("* * 0 * *", "day-of-month is wrong"),
        ("0 0 30 2 *", "day-of-month is wrong"),
        ("@reboot", "@daily"),
        ("*/5 * * * * " + "x" * MAX_CRON, "minute, hour"),
        ("٣ * * * *", "minute, hour"),
    ],
)
def test_what_is_no_schedule_is_told(cron: str, says: str) -> None:
    with pytest.raises(UnprocessableError, match=says):
        read_schedule(cron)


@pytest.mark.parametrize(
    "zone", ["", "Europe/Zürich", "../../etc/passwd", "/etc/localtime", "Europe", "Mars/Base", "a" * 900]
)
def test_what_is_no_zone_is_told(zone: str) -> None:
    """S14: a zone's name is looked up as a file."""
    with pytest.raises(UnprocessableError, match="zone"):
        read_schedule("@daily", zone)


def test_names_stand_for_expressions() -> None:
    assert read_schedule("@Daily", ZURICH) == Schedule("0 0 * * *", ZURICH)
    assert next_time(Schedule("@daily", ZURICH), 0.0) == next_time(read_schedule("@daily", ZURICH), 0.0)
    assert read_schedule("  0   3 * * mon-fri ") == Schedule("0 3 * * mon-fri", "UTC")


@settings(deadline=None)
@given(st.text(alphabet="0123456789*/,-#LW? @", max_size=30))
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    try:
        schedule = read_schedule(text)
    except UnprocessableError:
        return
    assert next_time(schedule, 0.0) is not None
