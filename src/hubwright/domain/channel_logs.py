"""Logs of IRC channels: a line for each thing that happened, days in UTC, and who is not in them. Pure.

As system 1 kept them (NimBot's `DD-MM-YYYY.logs`): https://github.com/nim-lang/nimbot
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from hubwright.domain.channel_text import strip_codes
from hubwright.domain.irc_names import fold_name

OFF_THE_RECORD = "[off]"
"""What begins so is not kept: https://wiki.debian.org/MeetBot has the custom."""

DAY = 86_400.0


class Kind(StrEnum):
    """What happened."""

    MESSAGE = "msg"
    ACTION = "action"
    NOTICE = "notice"
    JOIN = "join"
    PART = "part"
    QUIT = "quit"
    NICK = "nick"
    KICK = "kick"
    TOPIC = "topic"


SAID = frozenset({Kind.MESSAGE, Kind.ACTION, Kind.NOTICE})
"""What a search looks through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelLine:
    """One thing that happened in a channel. `at` is Unix seconds; `account` of the network's services, if known.

    `text` is what was said, or the reason of who left; `other` is the new name of who took one, or who was kicked, and
    `other_account` theirs, which is not kept.
    """

    channel: str
    at: float
    kind: Kind
    nick: str
    account: str | None = None
    text: str = ""
    other: str = ""
    other_account: str | None = None
    id: int = 0


def person_of(nick: str, account: str | None) -> str:
    """Who that is to the log: the account, or the nick of who has none; folded, as people opt out."""
    return fold_name(account or nick)


def may_keep(line: ChannelLine) -> bool:
    """Whether it was meant for the record."""
    return not strip_codes(line.text).lstrip().lower().startswith(OFF_THE_RECORD)


def read_day(name: str) -> date | None:
    """The day in an address: 2026-11-23, or 23-11-2026 as system 1 had it; None for none."""
    for form in ("%Y-%m-%d", "%d-%m-%Y") if name.isascii() else ():
        try:
            found = datetime.strptime(name, form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
        return found if found.year > 1970 else None
    return None


def bounds_of(day: date) -> tuple[float, float]:
    """When a day begins and ends in UTC, Unix seconds."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return start, start + DAY


def day_of(at: float) -> date:
    """The day of a moment in UTC."""
    return datetime.fromtimestamp(at, UTC).date()


def clock_of(at: float) -> str:
    """`HH:MM:SS` in UTC: the anchor of a line."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def read_clock(text: str) -> float | None:
    """Seconds of the day at `HH:MM:SS`; None for none."""
    try:
        found = datetime.strptime(text, "%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return float(found.hour * 3600 + found.minute * 60 + found.second)


def name_of(channel: str) -> str:
    """How a channel is called in addresses: without its first `#`."""
    return channel.removeprefix("#")


def write_line(line: ChannelLine) -> Mapping[str, object]:
    """The line as JSON has it."""
    moment = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    told = {"time": moment, "kind": line.kind.value, "nick": line.nick, "account": line.account, "text": line.text}
    return told | {"other": line.other} if line.other else told
