"""The bot: keeps a connection, comes back after each loss, carries out commands, and lets others hear what happens."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from hubwright.domain.backoff import backoff
from hubwright.domain.irc_text import Text
from hubwright.irc.answering import Answering
from hubwright.irc.commands import Commands
from hubwright.irc.connection import Connection
from hubwright.irc.entry import IrcError, Login
from hubwright.irc.events import Connected, Disconnected, Event, Person, Said
from hubwright.irc.listening import Listener, Pump
from hubwright.irc.session import Session
from hubwright.irc.speech import Priority
from hubwright.irc.voice import Voice

FORGET_EVERY = 5.0
"""Seconds between two looks for lines that have become stale while there is no server."""

_RETRY, _RETRY_CAP = 5.0, 60
_CONNECT = 30.0
_MAX_INCOMING = 16 * 1024  # tags have room of their own

logger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where to connect; `tls` None: in the clear. `silence`: seconds after which a server that says nothing is gone;
    `retry`: those before it is tried again, doubled each time up to _RETRY_CAP times as many.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    silence: float = 120.0
    retry: float = _RETRY


class Bot:
    """The bot is the `Presence` of its commands; it says what `voice` is told to say, in colours except in the
    channels `plain`, where `*` stands for all.

    Listeners are told every event, each in a thread of its own (`listening`).
    """

    def __init__(
        self, server: Server, login: Login, voice: Voice, commands: Commands, listeners: Sequence[Listener] = (),
        *, plain: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._server = server
        self._login = login
        self._voice = voice
        self._plain = plain
        self._answering = Answering(commands, voice, self)
        self._pumps = [Pump(listener) for listener in listeners]
        self._session = Session(login)
        self._connection: Connection | None = None

    @property
    def nick(self) -> str:
        """What we are called by now."""
        return self._session.nick

    @property
    def is_there(self) -> bool:
        """Whether a server has let us in, and has not gone since."""
        return self._connection is not None and self._session.ready

    @property
    def lag(self) -> float | None:
        """Seconds that the server took to answer last; None before the first time, and while there is no server."""
        connection = self._connection
        return connection.lag if connection else None

    def find_person(self, nick: str) -> Person | None:
        """Somebody who is in a channel with us."""
        return self._session.rooms.find(nick)

    def members_of(self, channel: str) -> Sequence[Person]:
        """Who is in a channel; nobody when we are not."""
        return self._session.rooms.members_of(channel)

    def channels_of(self, nick: str) -> Sequence[str]:
        """Those of our channels that somebody is in."""
        return self._session.rooms.channels_of(nick)

    def say(self, target: str, text: Text, *, priority: Priority = Priority.NEWS, more: str = "") -> None:
        """As `Voice.say`."""
        self._voice.say(target, text, priority=priority, more=more)

    async def run(self) -> None:
        """Until it is cancelled; what has happened until then is told to the listeners."""
        tasks = [asyncio.create_task(work) for work in (self._forget(), *(pump.run() for pump in self._pumps))]
        failures = 0
        try:
            while True:
                reason = await self._visit()
                logger.warning("irc_away", server=self._server.host, error=reason)
                failures = 1 if self._session.ready else failures + 1
                self._session = Session(self._login, has_ghost=self._session.ready and not self._session.is_ended)
                retry = self._server.retry
                await asyncio.sleep(backoff(failures, retry, retry * _RETRY_CAP, random.random()))  # noqa: S311  no secret
        finally:
            self._answering.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(pump.finish() for pump in self._pumps))

    async def _visit(self) -> str:
        """One connection, from its beginning to its end; why it ended."""
        reason = "the hub goes"
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(
                    self._server.host, self._server.port, ssl=self._server.tls, limit=_MAX_INCOMING
                ),
                _CONNECT,
            )
            self._connection = Connection(
                self._session, self._voice, self._hear, plain=self._plain, silence=self._server.silence
            )
            await self._connection.live(reader, writer)
        except (OSError, IrcError, TimeoutError, ValueError, EOFError) as error:
            reason = str(error) or type(error).__name__
        finally:
            self._connection = None
            if self._session.ready:
                self._hear(Disconnected(at=time.time(), reason=reason))
        return reason

    def _hear(self, event: Event) -> None:
        for pump in self._pumps:
            pump.add(event)
        if isinstance(event, Connected):
            logger.info("irc_connected", server=self._server.host, nick=event.nick)
        elif isinstance(event, Said):
            self._answering.hear(event)

    async def _forget(self) -> None:
        with suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(FORGET_EVERY)
                self._voice.drop_stale()
