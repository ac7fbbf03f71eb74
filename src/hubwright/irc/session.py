"""One connection to an IRC server as a machine without I/O: lines in, lines out, and what was said to us.

Capabilities: https://ircv3.net/specs/extensions/capability-negotiation; who speaks is told by the `account` tag, which
the server vouches for (https://ircv3.net/specs/extensions/account-tag): a nick proves nothing. Login by SASL PLAIN:
https://ircv3.net/specs/extensions/sasl-3.1.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from irctokens.line import Line

from hubwright.errors import HubwrightError
from hubwright.irc.lines import cut, write_line

WANTED = frozenset({"account-tag", "message-tags", "server-time", "batch"})
MAX_NICKS = 5
"""Names that are tried, one after the other."""

_PORTION = 400
"""Characters of an AUTHENTICATE line; one that is full is followed by another."""

_REFUSED = frozenset({"902", "904", "905", "906", "907", "908"})
_TAKEN = frozenset({"431", "432", "433", "436", "437"})


class IrcError(HubwrightError):
    """The server does not let us in, or has ended the connection; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """Somebody said something: in a channel, or to us alone (`target` is then where an answer goes)."""

    nick: str
    account: str | None
    target: str
    text: str
    in_query: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Who we are; a `password` is that of the account `nick`."""

    nick: str
    password: str | None
    channels: Sequence[str] = ()


class Session:
    """What is known of the connection. `nick` is what we are called by now; `ready` once the server has let us in."""

    def __init__(self, login: Login) -> None:
        self.nick = login.nick
        self.ready = False
        self._login = login
        self._offered: set[str] = set()
        self._tried = 0
        self._rejoined: set[str] = set()
        self._vouches = False  # whether an `account` is the server's word
        self._answers: dict[str, Callable[[Sequence[str]], list[bytes]]] = {
            "PING": lambda words: [write_line("PONG", words[0])],
            "CAP": self._negotiate,
            "AUTHENTICATE": self._authenticate,
            "903": lambda _: [write_line("CAP", "END")],
            "001": self._come_in,
            "KICK": self._come_back,
            **dict.fromkeys(_TAKEN, self._rename),
        }

    def begin(self) -> list[bytes]:
        """The first lines."""
        user = write_line("USER", self._login.nick, "0", "*", "Hubwright")
        return [write_line("CAP", "LS", "302"), write_line("NICK", self.nick), user]

    def hear(self, line: Line) -> tuple[list[bytes], Heard | None]:
        """What to answer at once, and what somebody said. Raises IrcError."""
        words = [*line.params, "", ""]
        if line.command == "PRIVMSG":
            return [], self._listen(line)
        if line.command == "ERROR":
            raise IrcError(f"The server ended the connection: {cut(words[0], 200)}")
        if line.command in _REFUSED:
            raise IrcError(f"The server refuses IRC__PASSWORD for {self._login.nick}: {cut(words[1], 200)}")
        if line.command == "NICK" and _speaker(line) == self.nick:
            self.nick = words[0]
        answer = self._answers.get(line.command)
        return ([] if answer is None else answer(words)), None

    def _come_in(self, words: Sequence[str]) -> list[bytes]:
        self.nick, self.ready = words[0], True
        return [write_line("JOIN", channel) for channel in self._login.channels]

    def _come_back(self, words: Sequence[str]) -> list[bytes]:
        """Once: who is not wanted stays away."""
        if words[1] != self.nick or words[0] in self._rejoined:
            return []
        self._rejoined.add(words[0])
        return [write_line("JOIN", words[0])]

    def _negotiate(self, words: Sequence[str]) -> list[bytes]:
        what = words[1].upper()
        if what == "LS":
            more = words[2] == "*"  # then another line follows
            self._offered |= {one.partition("=")[0] for one in words[3 if more else 2].split()}
            return [] if more else self._request()
        if what == "ACK":
            self._vouches = "account-tag" in words[2].split()
        if what == "ACK" and self._login.password is not None:
            return [write_line("AUTHENTICATE", "PLAIN")]
        return [write_line("CAP", "END")] if what in {"ACK", "NAK"} else []

    def _request(self) -> list[bytes]:
        wanted = WANTED & self._offered
        if self._login.password is not None:
            if "sasl" not in self._offered:
                raise IrcError("The server knows no SASL: without IRC__PASSWORD the bot comes in without an account.")
            wanted |= {"sasl"}
        return [write_line("CAP", "REQ", " ".join(sorted(wanted)))] if wanted else [write_line("CAP", "END")]

    def _authenticate(self, words: Sequence[str]) -> list[bytes]:
        if words[0] != "+":
            return []
        proof = base64.b64encode(f"\0{self._login.nick}\0{self._login.password}".encode()).decode()
        parts = [proof[at : at + _PORTION] for at in range(0, len(proof), _PORTION)]
        if len(parts[-1]) == _PORTION:
            parts.append("+")
        return [write_line("AUTHENTICATE", part) for part in parts]

    def _rename(self, _: Sequence[str]) -> list[bytes]:
        if self.ready:
            return []
        self._tried += 1
        if self._tried >= MAX_NICKS:
            raise IrcError(
                f"The name {self._login.nick} and {MAX_NICKS - 1} like it are taken: choose another IRC__NICK."
            )
        self.nick = f"{self._login.nick}{'_' * self._tried}"
        return [write_line("NICK", self.nick)]

    def _listen(self, line: Line) -> Heard | None:
        nick = _speaker(line)
        if len(line.params) < 2 or not nick or nick == self.nick or line.params[1].startswith("\x01"):
            return None
        tags = line.tags or {}
        if "batch" in tags:  # what was said before we came, told again
            return None
        target, text = line.params[0], line.params[1]
        in_query = target.lower() == self.nick.lower()
        account = (tags.get("account") or None) if self._vouches else None
        return Heard(nick=nick, account=account, target=nick if in_query else target, text=text, in_query=in_query)


def _speaker(line: Line) -> str:
    return (line.source or "").partition("!")[0]
