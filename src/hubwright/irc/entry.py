"""Coming in: capabilities, the login at the services, and a name that is free. Pure.

Capabilities: https://ircv3.net/specs/extensions/capability-negotiation. Login by SASL PLAIN or EXTERNAL, which is the
certificate that the connection was made with: https://ircv3.net/specs/extensions/sasl-3.1.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from hubwright.errors import HubwrightError
from hubwright.irc.lines import cut, write_line

WANTED = frozenset({
    "account-notify", "account-tag", "batch", "chghost", "echo-message", "extended-join", "message-tags",
    "multi-prefix", "server-time", "userhost-in-names",
})  # fmt: skip
"""What is asked for where it is offered."""

MAX_NICKS = 5
"""Names that are tried, one after the other."""

REFUSED = frozenset({"902", "904", "905", "906", "908"})
TAKEN = frozenset({"431", "432", "433", "436", "437"})

_PORTION = 400
"""Characters of an AUTHENTICATE line; one that is full is followed by another."""


class IrcError(HubwrightError):
    """The server does not let us in, or has ended the connection; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """Who we are. `password`: that of the account `nick`; `has_certificate`: the connection is made with one.

    A channel is its name, or name and key with a blank between.
    """

    nick: str
    password: str | None = None
    has_certificate: bool = False
    channels: Sequence[str] = ()

    @property
    def mechanisms(self) -> list[str]:
        """How we can log in, the best first."""
        return ["EXTERNAL"] * self.has_certificate + ["PLAIN"] * (self.password is not None)


class Entry:
    """The talk before the server lets us in. `nick` is what we ask to be called; `granted` are the capabilities."""

    def __init__(self, login: Login) -> None:
        self.nick = login.nick
        self.granted: frozenset[str] = frozenset()
        self.is_logged_in = False
        self._login = login
        self._left = login.mechanisms
        self._offered: dict[str, str] = {}
        self._tried = 0

    def begin(self) -> list[bytes]:
        """The first lines."""
        user = write_line("USER", self._login.nick, "0", "*", "Hubwright")
        return [write_line("CAP", "LS", "302"), write_line("NICK", self.nick), user]

    def negotiate(self, words: Sequence[str]) -> list[bytes]:
        """The server's CAP. Raises IrcError."""
        match words[1].upper():
            case "LS":
                more = words[2] == "*"  # then another line follows
                for one in words[3 if more else 2].split():
                    name, _, value = one.partition("=")
                    self._offered[name] = value
                return [] if more else self._request()
            case "ACK":
                self.granted |= set(words[2].split())
                return self._log_in() if "sasl" in words[2].split() else _END
            case "NAK":
                return _END
            case "DEL":
                self.granted -= set(words[2].split())
        return []

    def authenticate(self, words: Sequence[str]) -> list[bytes]:
        """The server is ready for the proof."""
        if words[0] != "+" or not self._left:
            return []
        if self._left[0] == "EXTERNAL":
            return [write_line("AUTHENTICATE", "+")]
        proof = base64.b64encode(f"\0{self._login.nick}\0{self._login.password}".encode()).decode()
        parts = [proof[at : at + _PORTION] for at in range(0, len(proof), _PORTION)]
        if len(parts[-1]) == _PORTION:
            parts.append("+")
        return [write_line("AUTHENTICATE", part) for part in parts]

    def finish(self) -> list[bytes]:
        """The proof was good."""
        self.is_logged_in = True
        return _END

    def try_another_way(self, command: str, reason: str) -> list[bytes]:
        """The proof was not good, or that kind of proof is unknown. Raises IrcError when there is no other."""
        if command == "908" or not self._left:  # only a list of what it knows; 904 follows
            return []
        way = self._left.pop(0)
        if not self._left:
            name = "IRC__PASSWORD" if way == "PLAIN" else "IRC__CERTIFICATE"
            raise IrcError(f"The server refuses {name} for {self._login.nick}: {cut(reason, 200)}")
        return self._log_in()

    def rename(self) -> list[bytes]:
        """The name is taken. Raises IrcError when those like it are too."""
        self._tried += 1
        if self._tried >= MAX_NICKS:
            raise IrcError(
                f"The name {self._login.nick} and {MAX_NICKS - 1} like it are taken: choose another IRC__NICK."
            )
        self.nick = f"{self._login.nick}{'_' * self._tried}"
        return [write_line("NICK", self.nick)]

    def _request(self) -> list[bytes]:
        wanted = WANTED & self._offered.keys()
        if self._left:
            if "sasl" not in self._offered:
                raise IrcError("The server knows no SASL: its services are away, or it has none for IRC__PASSWORD.")
            if known := self._offered["sasl"]:
                self._left = [way for way in self._left if way in known.upper().split(",")]
            if not self._left:
                raise IrcError(f"The server knows no login that is set here, only {cut(known, 100)}.")
            wanted |= {"sasl"}
        return [write_line("CAP", "REQ", " ".join(sorted(wanted)))] if wanted else _END

    def _log_in(self) -> list[bytes]:
        return [write_line("AUTHENTICATE", self._left[0])] if self._left else _END


_END = [write_line("CAP", "END")]
