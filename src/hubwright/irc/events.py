"""What happens on IRC, as values: what listeners are told (`listening`), and what commands begin with. Pure.

`at` is Unix time by the server's clock where it tells it (`server-time`), by ours otherwise. Everything that people
chose - nicks, hosts, texts, reasons - is data from outside, with all control characters in it: clean it before it goes
anywhere (`domain.irc_text.clean`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody as the server knows them now. Only `account` proves who it is: the one at the network's services.

    None: not logged in, or the server does not tell.
    """

    nick: str
    account: str | None = None
    user: str = ""
    host: str = ""


class Kind(Enum):
    """How something was said."""

    MESSAGE = "message"
    NOTICE = "notice"
    ACTION = "action"
    """`/me …`"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Somebody said something, we ourselves included (`own`). `channel` None: to us alone, or by us to one person.

    `target` is where an answer goes: the channel, or the other one's nick.
    """

    at: float
    who: Person
    channel: str | None
    target: str
    text: str
    kind: Kind = Kind.MESSAGE
    own: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Joined:
    """Somebody came into a channel; `own`: we did."""

    at: float
    who: Person
    channel: str
    own: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """Somebody left a channel."""

    at: float
    who: Person
    channel: str
    reason: str = ""
    own: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Quit:
    """Somebody left the network, and so these of our channels; `split`: two servers lost each other."""

    at: float
    who: Person
    channels: Sequence[str]
    reason: str = ""
    split: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Kicked:
    """Somebody (`who`) was put out of a channel by `by`; `own`: we were."""

    at: float
    who: Person
    channel: str
    by: Person
    reason: str = ""
    own: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Renamed:
    """Somebody is called `nick` from now on; `who` is as before. `channels`: ours that they are in."""

    at: float
    who: Person
    nick: str
    channels: Sequence[str]
    own: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Identified:
    """Somebody logged in to the services, or out (`who.account` is None); `who` is as now."""

    at: float
    who: Person
    channels: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class TopicSet:
    """A channel has another topic."""

    at: float
    who: Person
    channel: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Connected:
    """The server has let us in, as `nick`; we are in no channel yet."""

    at: float
    nick: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Disconnected:
    """The connection is gone: what happens until `Connected` nobody tells us. Only after `Connected`."""

    at: float
    reason: str = ""


Event = (
    Said | Joined | Left | Quit | Kicked | Renamed | Identified | TopicSet | Connected | Disconnected
)  # fmt: skip
