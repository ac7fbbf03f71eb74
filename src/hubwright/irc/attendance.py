"""Being in the channels that we are to be in, without pressing: who is not wanted stays away, and asks again rarely.

Pure: the time is an argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from hubwright.domain.backoff import backoff
from hubwright.irc.lines import write_line

FIRST_RETRY, LAST_RETRY = 60.0, 1800.0
"""Seconds until a channel that did not let us in is asked again, doubled up to half an hour."""

AFTER_KICK, AFTER_SECOND_KICK = 5.0, 3600.0
"""Seconds until we come back after a kick, and after another one on the same connection."""

_CLOSED = frozenset({"403", "405", "407", "470", "471", "473", "474", "475", "476", "477", "489", "519", "520"})

logger = structlog.get_logger()


@dataclass(slots=True)
class _Wish:
    name: str
    key: str
    is_in: bool = False
    due: float = 0.0
    refusals: int = 0
    kicks: int = 0


class Attendance:
    """The channels that are wanted."""

    def __init__(self, channels: Sequence[str]) -> None:
        split = [channel.partition(" ") for channel in channels]
        self._wishes = {name.lower(): _Wish(name, key.strip()) for name, _, key in split}

    def tick(self, now: float) -> list[bytes]:
        """JOIN what is due; it counts as refused until `come`."""
        due = [wish for wish in self._wishes.values() if not wish.is_in and wish.due <= now]
        for wish in due:
            self._wait(wish, now)
        return [write_line("JOIN", *[word for word in (wish.name, wish.key) if word]) for wish in due]

    def wants(self, channel: str) -> bool:
        """Whether we are to be in it."""
        return channel.lower() in self._wishes

    @property
    def is_complete(self) -> bool:
        """Whether we are in all of them."""
        return all(wish.is_in for wish in self._wishes.values())

    def come(self, channel: str) -> None:
        """We are in it."""
        if (wish := self._wishes.get(channel.lower())) is not None:
            wish.is_in, wish.refusals = True, 0

    def leave(self, channel: str, now: float, *, kicked: bool = False) -> None:
        """We are in it no more."""
        wish = self._wishes.get(channel.lower())
        if wish is None:
            return
        wish.is_in = False
        wish.kicks += kicked
        wish.due = now + (AFTER_KICK if wish.kicks <= 1 else AFTER_SECOND_KICK)

    def refuse(self, command: str, channel: str, reason: str) -> None:
        """What the server says when it does not let us in; it is asked again."""
        wish = self._wishes.get(channel.lower())
        if wish is not None and command in _CLOSED and not wish.is_in:
            logger.warning("irc_channel_closed", channel=channel, reason=reason[:200])

    @staticmethod
    def _wait(wish: _Wish, now: float) -> None:
        wish.refusals += 1
        wish.due = now + backoff(wish.refusals, FIRST_RETRY, LAST_RETRY, 0.0)
