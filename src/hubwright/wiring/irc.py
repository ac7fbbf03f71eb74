"""The bot on IRC, by the settings."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from hubwright.config import Settings
from hubwright.domain.irc_names import fold_name
from hubwright.errors import SettingsError
from hubwright.hub.dispatcher import InProcessDispatcher
from hubwright.irc.bot import Bot, Server
from hubwright.irc.commands import Commands
from hubwright.irc.entry import Login
from hubwright.irc.voice import Voice
from hubwright.wiring.irc_news import NewsLife
from hubwright.wiring.irc_parts import Ground, make_commands, make_drains, make_listeners, make_reporters, read_rules
from hubwright.wiring.parts import Parts


class IrcLife:
    """The bot's task, where there is a bot. Its methods belong to the event loop."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._voice = Voice()
        self._bot: Bot | None = None
        self._news: NewsLife | None = None
        self._drains = InProcessDispatcher({})
        self._task: asyncio.Task[None] | None = None
        if settings.irc.server is not None:
            ground = Ground(settings, parts, self._voice, lambda: self._bot)
            self._bot = _make_bot(ground)
            self._drains = InProcessDispatcher(make_drains(ground))
            self._news = NewsLife(parts.database, make_reporters(ground), parts.owner, lambda: self._is_there)

    @property
    def names(self) -> tuple[str, ...]:
        """The reporters that facts wait for."""
        return () if self._news is None else self._news.names

    @property
    def _is_there(self) -> bool:
        return self._bot is not None and self._bot.is_there

    def wake(self) -> None:
        """Something happened; from any thread."""
        if self._news is not None:
            self._news.wake()

    def start(self) -> None:
        """Connect; whether that goes well is the log's matter."""
        if self._news is not None:
            self._news.start()
        if self._bot is not None:
            self._task = asyncio.create_task(self._bot.run())
            self._drains.start()

    async def stop(self) -> None:
        """Say good-bye."""
        self._voice.close()
        if self._news is not None:
            await asyncio.to_thread(self._news.stop)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            await asyncio.to_thread(self._drains.stop)


def _make_bot(ground: Ground) -> Bot:
    """Raises SettingsError where the certificates can't be read."""
    irc = ground.settings.irc
    server = Server(host=irc.server or "", port=irc.port, tls=_make_tls(ground.settings) if irc.tls else None)
    login = Login(nick=irc.nick, password=irc.password, channels=_find_channels(ground.settings))
    return Bot(server, login, ground.voice, Commands(make_commands(ground)), make_listeners(ground))


def _find_channels(settings: Settings) -> tuple[str, ...]:
    """Those that are joined: the ones named as such, and those that rules are about."""
    named = {fold_name(channel.partition(" ")[0]) for channel in settings.irc.channels}
    ruled = {fold_name(rule.channel): rule.channel for rule in read_rules(settings)}
    return (*settings.irc.channels, *(channel for folded, channel in ruled.items() if folded not in named))


def _make_tls(settings: Settings) -> ssl.SSLContext:
    """Certificates are always verified; `ca_file` names who else is trusted."""
    try:
        return ssl.create_default_context(cafile=settings.irc.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"IRC__CA_FILE can't be read: {error}") from error
