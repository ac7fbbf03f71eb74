"""Logs of channels: kept but for who opted out, read by day, searched from the newest, forgotten in time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from hubwright.domain.channel_logs import DAY, ChannelLine, Kind
from hubwright.store import channel_logs
from hubwright.store.channel_logs import (
    PORTION,
    forget_opted_out,
    keep_lines,
    load_channels,
    load_finds,
    load_lines,
    load_neighbours,
)
from hubwright.store.irc_people import keep_opt_out
from hubwright.store.retention import load_old_channel_lines
from tables import with_tables

NOON = 1_795_003_200.0
"""Of a day in UTC."""

TODAY = (NOON - DAY / 2, NOON + DAY / 2)


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A transaction that is never committed."""
    url = with_tables(database_url) if database_url.startswith("sqlite") else database_url
    with create_engine(url, poolclass=NullPool).connect() as opened:
        yield opened


def line(after: float, text: str = "", nick: str = "kate", kind: Kind = Kind.MESSAGE, **more: str) -> ChannelLine:
    given = {"channel": "#Builds[]"} | more
    return ChannelLine(at=NOON + after, kind=kind, nick=nick, text=text, **given)  # type: ignore[arg-type]


def texts(lines: tuple[ChannelLine, ...]) -> list[str]:
    return [one.text for one in lines]


def test_a_day_is_read_in_its_order_page_by_page(connection: Connection) -> None:
    """Lines of one moment keep their order, and the border between two pages may lie between them."""
    keep_lines(
        connection, [line(5, "c"), line(0, "a"), line(5, "d"), line(1, "b"), line(DAY, "late"), line(-DAY, "early")]
    )
    keep_lines(connection, [line(2, "elsewhere", channel="#other")])
    first = load_lines(connection, "#builds{}", TODAY, 3)
    assert texts(first.items) == ["a", "b", "c"]
    assert isinstance(first.next, int)
    second = load_lines(connection, "#builds{}", TODAY, 3, first.next)
    assert (texts(second.items), second.next) == (["d"], None)
    assert load_neighbours(connection, "#builds{}", TODAY) == (NOON - DAY, NOON + DAY)
    assert load_neighbours(connection, "#other", TODAY) == (None, None)
    assert load_channels(connection) == [("#builds{}", NOON + DAY), ("#other", NOON + 2)]


def test_all_of_an_event_is_kept(connection: Connection) -> None:
    """And what a database can't hold is replaced, not refused."""
    told = ChannelLine(channel="#c", at=NOON, kind=Kind.KICK, nick="Op", account="oper", text="a\0b", other="Bad\udcff")
    assert keep_lines(connection, [told]) == 1
    (found,) = load_lines(connection, "#c", TODAY, 9).items
    assert (found.kind, found.nick, found.account, found.text, found.other) == (
        Kind.KICK,
        "Op",
        "oper",
        "a\ufffdb",
        "Bad?",
    )


def test_who_opted_out_is_in_no_line(connection: Connection) -> None:
    """Neither as who was kicked nor under the name that they took; a nick counts where nobody is logged in under it."""
    keep_opt_out(connection, "any", "Shy[]", NOON)
    keep_opt_out(connection, "Guest", None, NOON)
    lines = [
        line(1, "by account", account="shy{}"), line(2, "by nick", nick="guest"),
        line(3, "kicked", kind=Kind.KICK, other="GUEST"), line(4, kind=Kind.NICK, nick="x", other="guest"),
        line(5, "somebody else", nick="guest", account="kate"), line(6, "kate"),
    ]  # fmt: skip
    assert keep_lines(connection, lines) == 2
    assert texts(load_lines(connection, "#builds{}", TODAY, 9).items) == ["somebody else", "kate"]


def test_what_was_kept_of_them_before_goes_in_portions(connection: Connection) -> None:
    keep_lines(connection, [line(at, "old", nick="guest") for at in range(PORTION + 2)] + [line(0, "mine")])
    assert forget_opted_out(connection) == 0
    keep_opt_out(connection, "guest", None, NOON)
    assert [forget_opted_out(connection) for _ in range(3)] == [PORTION, 2, 0]
    assert texts(load_lines(connection, "#builds{}", TODAY, 9).items) == ["mine"]


def test_a_search_finds_words_and_nicks_from_the_newest(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signs of SQL's patterns mean themselves; who joined has said nothing."""
    keep_lines(
        connection,
        [
            line(1, "100% sure"),
            line(2, "1000 sure"),
            line(3, "Sure?", nick="bob"),
            line(4, "sure", kind=Kind.QUIT),
            line(5, "no"),
        ],
    )
    assert texts(load_finds(connection, "#builds{}", "SURE", 9).items) == ["Sure?", "1000 sure", "100% sure"]
    assert texts(load_finds(connection, "#builds{}", "0% s", 9).items) == ["100% sure"]
    assert texts(load_finds(connection, "#builds{}", "Bob", 9).items) == ["Sure?"]
    first = load_finds(connection, "#builds{}", "sure", 2)
    assert texts(first.items) == ["Sure?", "1000 sure"]
    assert isinstance(first.next, int)
    assert texts(load_finds(connection, "#builds{}", "sure", 2, first.next).items) == ["100% sure"]

    monkeypatch.setattr(channel_logs, "SEARCHED", 2)  # lines that one search looks at
    first = load_finds(connection, "#builds{}", "100%", 9)
    assert first.items == ()
    assert isinstance(first.next, int)
    second = load_finds(connection, "#builds{}", "100%", 9, first.next)
    assert isinstance(second.next, int)
    third = load_finds(connection, "#builds{}", "100%", 9, second.next)
    assert (texts(third.items), third.next) == (["100% sure"], None)


def test_old_lines_are_found_for_retention(connection: Connection) -> None:
    keep_lines(connection, [line(0, "old"), line(10, "young")])
    assert len(load_old_channel_lines(connection, NOON + 5)) == 1
    assert load_old_channel_lines(connection, NOON) == []
