"""The bot's client in life, in a thread of the test, without a hub: what it hears, and a voice to say things with."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Self, TypeVar

from hubwright.irc.bot import Bot, Server
from hubwright.irc.commands import Command, Commands
from hubwright.irc.entry import Login
from hubwright.irc.events import Event
from hubwright.irc.listening import Listener
from hubwright.irc.voice import Voice
from irc_client import CHANNEL, IrcAddress

E = TypeVar("E", bound=Event)


class LivingBot:
    """Connects when it is entered; `events` are all that it heard."""

    def __init__(
        self, address: IrcAddress, login: Login, *, commands: Sequence[Command] = (),
        listeners: Sequence[Listener] = (), voice: Voice | None = None, silence: float = 60.0,
        certificate: str | None = None,
    ) -> None:  # fmt: skip
        tls = ssl.create_default_context(cafile=address.ca)
        if certificate is not None:
            tls.load_cert_chain(certificate)
        server = Server(host=address.host, port=address.port, tls=tls, silence=silence, retry=0.02)
        self.voice = voice or Voice(0.1)
        self.events: list[Event] = []
        self.bot = Bot(server, login, self.voice, Commands(commands), [self._hear, *listeners])
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._live, name="bot")
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.voice.close()
        self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())
        self._thread.join(20)
        assert not self._thread.is_alive()

    def until(self, kind: type[E], predicate: Callable[[E], bool] = lambda _: True, seconds: float = 20.0) -> E:
        """The next event of that kind, of those that come after the one that was found last."""
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                for number, event in enumerate(self.events):
                    if isinstance(event, kind) and predicate(event):
                        del self.events[: number + 1]
                        return event
                left = deadline - time.monotonic()
                assert left > 0, f"waited in vain for {kind.__name__}; heard: {self.events[-12:]}"
                self._news.wait(left)

    def _hear(self, events: Sequence[Event]) -> None:
        with self._news:
            self.events += events
            self._news.notify_all()

    def _live(self) -> None:
        async def live() -> None:
            self._task = asyncio.ensure_future(self.bot.run())
            await asyncio.gather(self._task, return_exceptions=True)

        self._loop.run_until_complete(live())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


def login_of(nick: str, password: str | None = None, channels: Sequence[str] = (CHANNEL,), **more: bool) -> Login:
    return Login(nick=nick, password=password, channels=channels, **more)
