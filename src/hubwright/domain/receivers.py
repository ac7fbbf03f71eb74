"""Who is told of builds by HTTP, as settings and definitions name them: `https://…`, `slack:https://…` and kin."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from hubwright.domain.streaks import Turn
from hubwright.errors import MalformedError

ALWAYS = "always"
"""An event that stands for all of them."""

DEFAULT_EVENTS = (Turn.BROKEN.value, Turn.FIXED.value)
"""What is told where nobody says: noise is what kills bots."""

MAX_RECEIVERS = 20
"""Receivers of one job; more are passed over."""


class Dialect(StrEnum):
    """What a receiver understands. The value is what its address begins with; the first needs no such beginning."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    MATTERMOST = "mattermost"
    MATRIX = "matrix"


@dataclass(frozen=True, slots=True)
class Receiver:
    """An address, and what it understands."""

    dialect: Dialect
    url: str

    @property
    def target(self) -> str:
        """Its name for people: the path of such an address often is the key to it, and stays out of lists."""
        mark = hashlib.sha256(self.url.encode()).hexdigest()[:8]
        return f"{self.dialect} {urlsplit(self.url).hostname} {mark}"


def read_receiver(text: str) -> Receiver:
    """A receiver as it is written. Raises MalformedError."""
    word, colon, rest = text.strip().partition(":")
    dialect, url = (Dialect(word), rest) if colon and word in set(Dialect) else (Dialect.WEBHOOK, text.strip())
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits or not url.isascii() or not url.isprintable() or " " in url or "@" in parts.netloc:
        raise MalformedError(
            f"{text[:40]!a} is no receiver: https://HOST/…, slack:, mattermost: or matrix:https://HOST/… is expected."
        )
    return Receiver(dialect, url)


def read_receivers(texts: Iterable[str]) -> list[Receiver]:
    """Those that are well written, each once, at most `MAX_RECEIVERS`."""
    found: dict[Receiver, None] = {}
    for text in texts:
        try:
            found.setdefault(read_receiver(text))
        except MalformedError:
            continue
    return list(found)[:MAX_RECEIVERS]


def is_wanted(turn: str, events: Iterable[str]) -> bool:
    """Whether somebody who wants these events is told of this turn."""
    wanted = set(events) or set(DEFAULT_EVENTS)
    return turn in wanted or ALWAYS in wanted
