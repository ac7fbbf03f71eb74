"""The log of channels: a listener that keeps a line for each thing that happens in those that are logged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import partial

import structlog

from hubwright.domain.channel_logs import ChannelLine, Kind, day_of, may_keep
from hubwright.domain.irc_names import fold_name
from hubwright.irc import events
from hubwright.irc.events import Event, Joined, Kicked, Left, Quit, Renamed, Said, TopicSet
from hubwright.store.channel_logs import keep_lines
from hubwright.store.database import Database

MOST_A_DAY = 50_000
"""Lines of a channel that are kept of one day: nobody can fill the disk by talking."""

_SAID = {
    events.Kind.MESSAGE: Kind.MESSAGE,
    events.Kind.NOTICE: Kind.NOTICE,
    events.Kind.ACTION: Kind.ACTION,
}

_OfOne = Said | Joined | Left | Quit | Renamed | TopicSet

logger = structlog.get_logger()


class ChannelLog:
    """A `Listener`. To be told something twice is harmless: a line that is there already is not kept again."""

    def __init__(self, database: Database, channels: Iterable[str]) -> None:
        self._database = database
        self._channels = frozenset(fold_name(channel) for channel in channels)
        self._kept: dict[tuple[str, date], int] = {}

    def __call__(self, told: Sequence[Event]) -> None:
        """Keep what is for the record. Blocks."""
        lines = [line for event in told for line in write_lines(event) if self._wants(line)]
        if lines:
            self._database.write(partial(keep_lines, lines=lines))
            self._count(lines)

    def _wants(self, line: ChannelLine) -> bool:
        channel = fold_name(line.channel)
        return (
            channel in self._channels and may_keep(line) and self._kept.get((channel, day_of(line.at)), 0) < MOST_A_DAY
        )

    def _count(self, lines: Sequence[ChannelLine]) -> None:
        for line in lines:
            key = fold_name(line.channel), day_of(line.at)
            self._kept[key] = self._kept.get(key, 0) + 1
            if self._kept[key] == MOST_A_DAY:
                logger.warning("irc_log_full", channel=line.channel, lines=MOST_A_DAY)
        today = max(day for _, day in self._kept)
        self._kept = {key: count for key, count in self._kept.items() if key[1] >= today}


def write_lines(event: Event) -> Iterator[ChannelLine]:
    """The lines that an event is, one for each channel that saw it; none of what no channel saw."""
    match event:
        case Said(channel=str() as channel):
            yield _line(event, channel, _SAID[event.kind], event.text)
        case Joined():
            yield _line(event, event.channel, Kind.JOIN)
        case Left():
            yield _line(event, event.channel, Kind.PART, event.reason)
        case Quit():
            yield from (_line(event, channel, Kind.QUIT, event.reason) for channel in event.channels)
        case Renamed():
            for channel in event.channels:
                yield _line(event, channel, Kind.NICK, other=event.nick, other_account=event.who.account)
        case Kicked():
            yield ChannelLine(
                channel=event.channel,
                at=event.at,
                kind=Kind.KICK,
                nick=event.by.nick,
                account=event.by.account,
                text=event.reason,
                other=event.who.nick,
                other_account=event.who.account,
            )
        case TopicSet():
            yield _line(event, event.channel, Kind.TOPIC, event.text)


def _line(
    event: Said | Joined | Left | Quit | Renamed | TopicSet,
    channel: str,
    kind: Kind,
    text: str = "",
    **more: str | None,
) -> ChannelLine:
    who = event.who
    given = {"nick": who.nick, "account": who.account, "text": text} | more
    return ChannelLine(channel=channel, at=event.at, kind=kind, **given)  # type: ignore[arg-type]
