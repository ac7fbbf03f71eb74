"""A user of IRC for tests, written apart from the product: TLS, SASL PLAIN, and whatever the server says, line by line.

with IrcUser(address, "alice", "alice", PASSWORDS["alice"]) as alice:
    alice.say("#builds", "hello")
    answer = alice.until(lambda line: line.command == "PRIVMSG" and line.sender == "hubwright")
"""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

CHANNEL = "#builds"

CAPABILITIES = ("account-tag", "message-tags", "server-time")
"""What a user asks for; the server's messages then bear the account of the one who speaks."""


class IrcAddress(NamedTuple):
    """Where a server speaks TLS, and the file with the certificate that signed its own."""

    host: str
    port: int
    ca: Path

    @classmethod
    def of(cls, url: str) -> Self:
        """The address that `url` below tells."""
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        return cls(parts.hostname, parts.port, Path(parts.path))

    @property
    def url(self) -> str:
        return f"ircs://{self.host}:{self.port}{self.ca}"


class IrcLine(NamedTuple):
    """One message, https://modern.ircdocs.horse/#message-format; `raw` is the line itself."""

    raw: str
    tags: dict[str, str]
    source: str
    command: str
    parameters: list[str]

    @property
    def sender(self) -> str:
        """The nickname of a user, the name of a server."""
        return self.source.partition("!")[0]

    @property
    def target(self) -> str:
        return self.parameters[0] if self.parameters else ""

    @property
    def text(self) -> str:
        return self.parameters[-1] if self.parameters else ""


class IrcRefused(RuntimeError):  # noqa: N818 - it is what the server said, not a fault
    """The server did not let the user in; `line` is why."""

    def __init__(self, line: IrcLine) -> None:
        super().__init__(line.raw)
        self.line = line


class IrcUser:
    """A connected user, in the channel (unless None). `lines` is everything received, in order.

    Raises IrcRefused when the password is wrong or the nickname is taken, OSError when there is no trusted server.
    """

    def __init__(
        self,
        address: IrcAddress,
        nick: str,
        account: str | None = None,
        password: str | None = None,
        channel: str | None = CHANNEL,
        capabilities: Sequence[str] = CAPABILITIES,
    ) -> None:
        self.nick = nick
        self.lines: list[IrcLine] = []
        self._seen = 0
        self._rest = b""
        plain = socket.create_connection((address.host, address.port), timeout=10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            context = ssl.create_default_context(cafile=address.ca)
            self._socket = context.wrap_socket(plain, server_hostname=address.host)
        except BaseException:
            plain.close()
            raise
        try:
            self._come_in(account, password, capabilities)
            if channel is not None:
                self.join(channel)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, line: str) -> None:
        """A line as it is."""
        self._socket.sendall(f"{line}\r\n".encode())

    def say(self, target: str, text: str) -> None:
        """A message to a channel or a user."""
        self.send(f"PRIVMSG {target} :{text}")

    def join(self, channel: str) -> None:
        """Be in the channel: returns when the server has told who else is."""
        self.send(f"JOIN {channel}")
        self.until(lambda line: line.command == "366" and line.parameters[1] == channel)

    def until(self, predicate: Callable[[IrcLine], bool], seconds: float = 10.0) -> IrcLine:
        """The next line that the predicate wants, of those that no `until` has looked at yet."""
        deadline = time.monotonic() + seconds
        while True:
            while self._seen < len(self.lines):
                self._seen += 1
                if predicate(self.lines[self._seen - 1]):
                    return self.lines[self._seen - 1]
            self._receive(deadline)

    def hears(self, sender: str, part: str, seconds: float = 10.0) -> IrcLine:
        """The next message or notice of `sender` with this part in it."""
        spoken = ("PRIVMSG", "NOTICE")
        return self.until(lambda line: line.command in spoken and line.sender == sender and part in line.text, seconds)

    def close(self) -> None:
        """Leave; the server is not asked."""
        self._socket.close()

    def _come_in(self, account: str | None, password: str | None, capabilities: Sequence[str]) -> None:
        wanted = [*capabilities, *(["sasl"] if account is not None else [])]
        self.send("CAP LS 302")
        self.send(f"NICK {self.nick}")
        self.send(f"USER {self.nick} 0 * :{self.nick}")
        if wanted:
            self.send(f"CAP REQ :{' '.join(wanted)}")
            self._expect({"CAP ACK"}, {"CAP NAK", "433"})
        if account is not None:
            self.send("AUTHENTICATE PLAIN")
            self._expect({"AUTHENTICATE"}, {"904", "905", "908", "421"})
            told = base64.b64encode(f"\0{account}\0{password}".encode()).decode()
            self.send(f"AUTHENTICATE {told}")
            self._expect({"903"}, {"902", "904", "905", "906"})
        self.send("CAP END")
        self._expect({"376", "422"}, {"432", "433", "ERROR"})

    def _expect(self, good: set[str], bad: set[str]) -> None:
        def kind(line: IrcLine) -> str:
            return f"CAP {line.parameters[1]}" if line.command == "CAP" else line.command

        line = self.until(lambda line: kind(line) in good | bad)
        if kind(line) in bad:
            raise IrcRefused(line)

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        assert left > 0, f"{self.nick} waited in vain; last heard: {[line.raw for line in self.lines[-12:]]}"
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(65_536)
        except TimeoutError:
            return
        if not data:
            raise ConnectionResetError(f"the server let {self.nick} go: {[line.raw for line in self.lines[-3:]]}")
        *whole, self._rest = (self._rest + data).split(b"\r\n")
        for raw in whole:
            line = read_line(raw.decode())
            self.lines.append(line)
            if line.command == "PING":
                self.send(f"PONG :{line.text}")


def read_line(raw: str) -> IrcLine:
    """A line without its end, into its parts."""
    tags: dict[str, str] = {}
    source, rest = "", raw
    if rest.startswith("@"):
        told, _, rest = rest[1:].partition(" ")
        tags = {name: value for name, _, value in (tag.partition("=") for tag in told.split(";"))}
    if rest.startswith(":"):
        source, _, rest = rest[1:].partition(" ")
    middle, colon, last = rest.partition(" :")
    command, *parameters = middle.split()
    return IrcLine(raw, tags, source, command, [*parameters, last] if colon else parameters)
