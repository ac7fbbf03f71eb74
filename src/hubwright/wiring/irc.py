"""The bot on IRC, by the settings."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from hubwright.config import Settings
from hubwright.errors import SettingsError
from hubwright.hub.dispatcher import InProcessDispatcher
from hubwright.irc.bot import Bot, Server
from hubwright.irc.commands import Commands
from hubwright.irc.entry import Login
from hubwright.irc.voice import Voice
from hubwright.wiring.irc_parts import Ground, make_commands, make_drains, make_listeners
from hubwright.wiring.parts import Parts


class IrcLife:
    """The bot's task, where there is a bot. Its methods belong to the event loop."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._voice = Voice()
        ground = Ground(settings, parts, self._voice)
        self._bot = _make_bot(ground) if settings.irc.server is not None else None
        self._drains = InProcessDispatcher(make_drains(ground) if self._bot is not None else {})
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect; whether that goes well is the log's matter."""
        if self._bot is not None:
            self._task = asyncio.create_task(self._bot.run())
            self._drains.start()

    async def stop(self) -> None:
        """Say good-bye."""
        self._voice.close()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            await asyncio.to_thread(self._drains.stop)


def _make_bot(ground: Ground) -> Bot:
    """Raises SettingsError where the certificates can't be read."""
    irc = ground.settings.irc
    server = Server(host=irc.server or "", port=irc.port, tls=_make_tls(ground.settings) if irc.tls else None)
    login = Login(nick=irc.nick, password=irc.password, channels=irc.channels)
    return Bot(server, login, ground.voice, Commands(make_commands(ground)), make_listeners(ground))


def _make_tls(settings: Settings) -> ssl.SSLContext:
    """Certificates are always verified; `ca_file` names who else is trusted."""
    try:
        return ssl.create_default_context(cafile=settings.irc.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"IRC__CA_FILE can't be read: {error}") from error
