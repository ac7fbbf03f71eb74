"""Lines of channel logs: whose they are, what is off the record, and days as addresses have them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubwright.domain.channel_logs import (
    ChannelLine,
    Kind,
    bounds_of,
    clock_of,
    day_of,
    may_keep,
    name_of,
    person_of,
    read_clock,
    read_day,
    write_line,
)

MOMENTS = st.integers(86_400_000 * 366, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000)


def say(text: str, **more: object) -> ChannelLine:
    given: dict[str, object] = {"channel": "#c", "at": 1_795_000_000.25, "kind": Kind.MESSAGE, "nick": "Kate"}
    return ChannelLine(**given | {"text": text} | more)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["[off] between us", "[OFF]x", "  [off] x", "\x02\x0304[off] red"])
def test_what_is_off_the_record_is_not_kept(text: str) -> None:
    """However it is coloured: the custom of loggers on IRC."""
    assert not may_keep(say(text))
    assert may_keep(say(f"I said {text}"))


def test_a_person_is_an_account_or_a_nick() -> None:
    """The brackets are capitals of the braces on IRC."""
    assert person_of("Nick", "Kate[x]") == "kate{x}"
    assert person_of("Nick", None) == person_of("NICK", "") == "nick"


@pytest.mark.parametrize("name", ["2026-11-23", "23-11-2026"])
def test_days_are_written_in_two_ways(name: str) -> None:
    """The second is system 1's, whose links are all over the web."""
    assert read_day(name) == date(2026, 11, 23)


@pytest.mark.parametrize(
    "name",
    ["", "today", "2026-13-01", "31-02-2026", "0001-01-01", "2026-11-23T00:00:00", "\u0662\u0660\u0662\u0666-11-23"],
)
def test_other_words_are_no_days(name: str) -> None:
    assert read_day(name) is None


@given(MOMENTS)
def test_a_moment_lies_in_its_day_at_its_clock(at: float) -> None:
    start, end = bounds_of(day_of(at))
    assert start <= at < end
    seconds = read_clock(clock_of(at))
    assert seconds is not None
    assert 0 <= at - start - seconds < 1


@pytest.mark.parametrize("text", ["", "25:00:00", "12:00", "now", "12:00:61"])
def test_other_words_are_no_clock(text: str) -> None:
    assert read_clock(text) is None


def test_a_line_as_json_has_what_happened() -> None:
    """The other name only where there is one."""
    assert write_line(say("hello", account="kate")) == {
        "time": "2026-11-18T11:06:40.250Z", "kind": "msg", "nick": "Kate", "account": "kate", "text": "hello",
    }  # fmt: skip
    assert write_line(say("", kind=Kind.NICK, other="kate_"))["other"] == "kate_"


def test_a_channel_stands_in_addresses_without_its_first_sign() -> None:
    assert [name_of(one) for one in ("#nim", "##c", "&local")] == ["nim", "#c", "&local"]
