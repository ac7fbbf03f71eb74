"""The bot on IRC, by the settings: in the process that has the duty."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from hubwright.config import Settings
from hubwright.domain.irc_names import fold_name
from hubwright.errors import SettingsError
from hubwright.hub.dispatcher import Drain, InProcessDispatcher
from hubwright.hub.log_reading import AnyLogs
from hubwright.irc.bot import Bot, Server
from hubwright.irc.commands import Commands
from hubwright.irc.entry import Login
from hubwright.irc.voice import Voice
from hubwright.wiring.duties import Duty
from hubwright.wiring.irc_news import NewsLife
from hubwright.wiring.irc_parts import Ground, make_commands, make_drains, make_listeners, make_reporters, read_rules
from hubwright.wiring.parts import Parts

DUTY = "irc"
"""The name of the duty."""


class IrcLife:
    """The bot's task, and what goes on beside it where the bot is ours. Raises SettingsError.

    Make it before anything can happen: from then on it is told. `takes_part`: whether this process may have the bot.
    """

    def __init__(self, settings: Settings, parts: Parts, logs: AnyLogs, *, takes_part: bool = True) -> None:
        self._voice = Voice(settings.irc.pace)
        self._bot: Bot | None = None
        self._news: NewsLife | None = None
        self._drains = InProcessDispatcher({})
        self._task: asyncio.Task[None] | None = None
        self._duty = Duty(parts.database, DUTY, parts.owner)
        if settings.irc.server is None:
            return
        ground = Ground(settings, parts, self._voice, logs, lambda: self._bot)
        self._news = NewsLife(parts.database, make_reporters(ground), parts.owner, lambda: self._is_there, parts.tally)
        if takes_part:
            self._bot = _make_bot(ground)
            drains = make_drains(ground)
            self._drains = InProcessDispatcher({name: self._while_there(drain) for name, drain in drains.items()})

    @property
    def names(self) -> tuple[str, ...]:
        """The reporters that facts wait for."""
        return () if self._news is None else self._news.names

    @property
    def _is_there(self) -> bool:
        return self._bot is not None and self._bot.is_there

    def _while_there(self, drain: Drain) -> Drain:
        return lambda: drain() if self._is_there else None

    def wake(self) -> None:
        """Something happened; from any thread."""
        if self._news is not None:
            self._news.wake()

    def start(self) -> None:
        """Connect, now or when another process leaves the duty to us; whether that goes well is the log's matter."""
        if self._news is not None and self._bot is not None:
            self._news.start()
            self._drains.start()
            self._task = asyncio.create_task(self._duty.serve(self._serve))

    async def stop(self) -> None:
        """Say good-bye."""
        self._voice.close()
        if self._task is not None and self._news is not None:
            await asyncio.to_thread(self._news.stop)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            await asyncio.to_thread(self._drains.stop)

    async def _serve(self) -> None:
        assert self._bot is not None  # noqa: S101  without a bot there is no task
        try:
            await self._bot.run()
        finally:
            self._voice.forget()


def _make_bot(ground: Ground) -> Bot:
    """Raises SettingsError where the certificates can't be read."""
    irc = ground.settings.irc
    server = Server(host=irc.server or "", port=irc.port, tls=make_tls(ground.settings) if irc.tls else None)
    login = Login(
        nick=irc.nick,
        password=irc.password,
        has_certificate=irc.certificate is not None,
        channels=_find_channels(ground.settings),
    )
    return Bot(server, login, ground.voice, Commands(make_commands(ground)), make_listeners(ground), plain=irc.plain)


def _find_channels(settings: Settings) -> tuple[str, ...]:
    """Those that are joined: the ones named as such, and those that rules are about."""
    named = {fold_name(channel.partition(" ")[0]) for channel in settings.irc.channels}
    ruled = {fold_name(rule.channel): rule.channel for rule in read_rules(settings)}
    return (*settings.irc.channels, *(channel for folded, channel in ruled.items() if folded not in named))


def make_tls(settings: Settings) -> ssl.SSLContext:
    """Certificates are always verified; `ca_file` names who else is trusted."""
    irc = settings.irc
    try:
        context = ssl.create_default_context(cafile=irc.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"IRC__CA_FILE can't be read: {error}") from error
    if irc.certificate is not None:
        try:
            context.load_cert_chain(irc.certificate)
        except OSError as error:
            raise SettingsError(f"IRC__CERTIFICATE can't be read as a certificate with its key: {error}") from error
    return context
