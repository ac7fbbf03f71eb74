"""A mail server on a real socket: SMTP with STARTTLS and AUTH. It keeps what it takes, and refuses if told to."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from server_programs import free_port


@dataclass
class Mailbox:
    """What came: envelope and message. `answers`: what to say to a recipient, by address."""

    port: int
    user: str | None = None
    password: str = ""
    trust: ssl.SSLContext | None = None
    answers: dict[str, str] = field(default_factory=dict)
    came: list[tuple[str, str, EmailMessage]] = field(default_factory=list)
    was_secure: bool = False

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        talk = _Talk(self, reader, writer)
        await talk.say("220 tests ESMTP")
        with suppress(OSError, asyncio.IncompleteReadError):
            while line := (await reader.readline()).decode().strip():
                if not await talk.answer(line):
                    break
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


class _Talk:
    """What one client has said so far."""

    def __init__(self, mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._mailbox = mailbox
        self._reader = reader
        self._writer = writer
        self._sender = self._recipient = ""
        self._known = mailbox.user is None
        self._answers = {
            "EHLO": self._greet, "STARTTLS": self._secure, "AUTH": self._log_in, "MAIL": self._begin,
            "RCPT": self._address, "DATA": self._take, "RSET": self._agree, "NOOP": self._agree,
        }  # fmt: skip

    async def say(self, *lines: str) -> None:
        for line in lines:
            self._writer.write(line.encode() + b"\r\n")
        await self._writer.drain()

    async def answer(self, line: str) -> bool:
        """Whether more may come."""
        word = line.split(" ", 1)[0].upper()
        if word == "QUIT":
            await self.say("221 bye")
            return False
        if word in self._answers:
            await self._answers[word](line)
        else:
            await self.say("502 what?")
        return True

    async def _greet(self, _line: str) -> None:
        offers = self._mailbox.trust is not None and not self._mailbox.was_secure
        await self.say("250-tests", *(["250-STARTTLS"] if offers else []), "250-AUTH PLAIN", "250 8BITMIME")

    async def _secure(self, _line: str) -> None:
        if self._mailbox.trust is None:
            await self.say("502 what?")
            return
        await self.say("220 go on")
        await self._writer.start_tls(self._mailbox.trust)
        self._mailbox.was_secure = True

    async def _log_in(self, line: str) -> None:
        given = base64.b64decode(line.split(" ")[2]).decode().split("\0")[1:]
        self._known = given == [self._mailbox.user, self._mailbox.password]
        await self.say("235 welcome" if self._known else "535 who are you?")

    async def _begin(self, line: str) -> None:
        self._sender = line.partition("<")[2].partition(">")[0]
        await self.say("250 ok" if self._known else "530 who are you?")

    async def _address(self, line: str) -> None:
        self._recipient = line.partition("<")[2].partition(">")[0]
        await self.say(self._mailbox.answers.get(self._recipient, "250 ok"))

    async def _take(self, _line: str) -> None:
        await self.say("354 end with a dot")
        text = (await self._reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
        message = message_from_bytes(text, _class=EmailMessage, policy=policy.default)
        self._mailbox.came.append((self._sender, self._recipient, message))
        await self.say("250 taken")

    async def _agree(self, _line: str) -> None:
        await self.say("250 ok")


@contextmanager
def taking_mail(
    port: int | None = None, *, certificate: Path | None = None, login: tuple[str, str] | None = None
) -> Iterator[Mailbox]:
    """A server on 127.0.0.1; with a certificate (and its key, PEM) it offers STARTTLS."""
    mailbox = Mailbox(port or free_port())
    if login is not None:
        mailbox.user, mailbox.password = login
    if certificate is not None:
        mailbox.trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        mailbox.trust.load_cert_chain(certificate)
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        async with await asyncio.start_server(mailbox.converse, "127.0.0.1", mailbox.port):
            ready.set()
            await asyncio.get_running_loop().create_future()

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    task = loop.create_task(serve())
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield mailbox
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        loop.close()
