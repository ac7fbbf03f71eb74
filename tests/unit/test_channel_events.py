"""What happens on IRC as lines of a log: one for each channel that saw it, of the channels that are logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hubwright.domain.channel_logs import ChannelLine, Kind
from hubwright.irc import channel_log, events
from hubwright.irc.channel_log import ChannelLog, write_lines
from hubwright.irc.events import Connected, Event, Joined, Kicked, Left, Person, Quit, Renamed, Said, TopicSet

AT = 1_795_000_000.0
KATE, BOB = Person(nick="kate", account="Kate", host="h"), Person(nick="bob")


def say(text: str, channel: str | None = "#Builds", kind: events.Kind = events.Kind.MESSAGE, at: float = AT) -> Said:
    return Said(at=at, who=KATE, channel=channel, target=channel or "kate", text=text, kind=kind)


def told(event: Event) -> list[tuple[str, str, str, str | None, str, str]]:
    return [(one.channel, one.kind.value, one.nick, one.account, one.text, one.other) for one in write_lines(event)]


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (say("hi"), [("#Builds", "msg", "kate", "Kate", "hi", "")]),
        (say("hi", kind=events.Kind.ACTION), [("#Builds", "action", "kate", "Kate", "hi", "")]),
        (say("hi", kind=events.Kind.NOTICE), [("#Builds", "notice", "kate", "Kate", "hi", "")]),
        (say("between us", None), []),
        (Joined(at=AT, who=BOB, channel="#a"), [("#a", "join", "bob", None, "", "")]),
        (Left(at=AT, who=BOB, channel="#a", reason="tea"), [("#a", "part", "bob", None, "tea", "")]),
        (
            Quit(at=AT, who=KATE, channels=("#a", "#b"), reason="bye"),
            [("#a", "quit", "kate", "Kate", "bye", ""), ("#b", "quit", "kate", "Kate", "bye", "")],
        ),
        (Renamed(at=AT, who=KATE, nick="kate_", channels=("#a",)), [("#a", "nick", "kate", "Kate", "", "kate_")]),
        (Kicked(at=AT, who=BOB, by=KATE, channel="#a", reason="no"), [("#a", "kick", "kate", "Kate", "no", "bob")]),
        (TopicSet(at=AT, who=KATE, channel="#a", text="t"), [("#a", "topic", "kate", "Kate", "t", "")]),
        (Connected(at=AT, nick="hubwright"), []),
    ],
)
def test_each_channel_that_saw_it_has_a_line(event: Event, lines: list[tuple[Any, ...]]) -> None:
    """What is said to us alone is nobody else's to read."""
    assert told(event) == lines


def test_whom_a_line_tells_of_is_known_by_their_account() -> None:
    """So who opted out as an account is not there as a nick that was kicked, or that they took."""
    (renamed,) = write_lines(Renamed(at=AT, who=KATE, nick="x", channels=("#a",)))
    (kicked,) = write_lines(Kicked(at=AT, who=KATE, by=BOB, channel="#a"))
    assert (renamed.other_account, kicked.other_account) == ("Kate", "Kate")


class Rows:
    """A database that takes lines."""

    def __init__(self) -> None:
        self.lines: list[ChannelLine] = []

    def write(self, work: Any) -> None:
        self.lines += work.keywords["lines"]


def keep(channels: Sequence[str], told: Sequence[Event]) -> list[str]:
    rows = Rows()
    ChannelLog(rows, channels)(told)  # type: ignore[arg-type]
    return [line.text for line in rows.lines]


def test_only_channels_that_are_named_are_logged() -> None:
    """In whatever case they are named, and nothing that is off the record."""
    others = [say("1"), say("2", "#other"), say("[off] 3"), say("4", "#BUILDS")]
    assert keep(["#builds"], others) == ["1", "4"]
    assert keep([], others) == []


def test_a_day_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who floods a channel fills no disk; the next day begins anew."""
    monkeypatch.setattr(channel_log, "MOST_A_DAY", 2)
    rows = Rows()
    log = ChannelLog(rows, ["#builds"])  # type: ignore[arg-type]
    for number in range(4):
        log([say(str(number))])
    log([say("next day", at=AT + 86_400)])
    assert [line.text for line in rows.lines] == ["0", "1", "next day"]
    assert {line.kind for line in rows.lines} == {Kind.MESSAGE}
