"""The bot on IRC, by the settings."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

from hubwright.config import Settings
from hubwright.domain.repos import Repository
from hubwright.errors import SettingsError
from hubwright.hub.permissions import find_refusal
from hubwright.irc.bot import Bot, Server
from hubwright.irc.session import Login
from hubwright.irc.starts import Starts
from hubwright.wiring.parts import Parts


class IrcLife:
    """The bot's task, where there is a bot. Its methods belong to the event loop."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._bot = _make_bot(settings, parts) if settings.irc.server is not None else None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Connect; whether that goes well is the log's matter."""
        if self._bot is not None:
            self._task = asyncio.create_task(self._bot.run())

    async def stop(self) -> None:
        """Say good-bye."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task


def _make_bot(settings: Settings, parts: Parts) -> Bot:
    """Raises SettingsError where the certificates can't be read."""
    irc = settings.irc

    def refuse(repository: Repository, login: str) -> str | None:
        if not parts.github.is_known:
            return "the hub is nobody to GitHub"
        return find_refusal(parts.github.client, repository, login, None)

    accounts = {account.lower(): login for account, _, login in (one.partition("=") for one in irc.accounts)}
    server = Server(host=irc.server or "", port=irc.port, tls=_make_tls(settings) if irc.tls else None)
    password = irc.password
    login = Login(nick=irc.nick, password=password, channels=irc.channels)
    return Bot(server, login, Starts(parts.database, parts.wishes, accounts, refuse, settings.public_url).start)


def _make_tls(settings: Settings) -> ssl.SSLContext:
    """Certificates are always verified; `ca_file` names who else is trusted."""
    try:
        return ssl.create_default_context(cafile=settings.irc.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"IRC__CA_FILE can't be read: {error}") from error
