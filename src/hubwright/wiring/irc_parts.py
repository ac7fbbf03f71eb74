"""What the bot on IRC consists of beside its connection: commands, listeners, reporters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hubwright.config import Settings
from hubwright.domain.irc_names import fold_name
from hubwright.domain.irc_news import Rule, make_rules
from hubwright.domain.repos import Repository
from hubwright.errors import MalformedError, SettingsError
from hubwright.hub.dispatcher import Drain
from hubwright.hub.log_reading import AnyLogs
from hubwright.hub.permissions import find_refusal
from hubwright.irc.channel_log import ChannelLog
from hubwright.irc.commands import Command, Presence
from hubwright.irc.listening import Listener
from hubwright.irc.memory import Memory
from hubwright.irc.table import list_commands
from hubwright.irc.voice import Voice
from hubwright.reports import Reporter
from hubwright.reports.irc import IrcReporter
from hubwright.wiring.irc_answers import make_answers, make_watches
from hubwright.wiring.parts import Parts


@dataclass(frozen=True)
class Ground:
    """What they may be made of; `voice` says things on IRC, `find_presence` gives the bot, once it is made.

    `logs` are those of all hubs.
    """

    settings: Settings
    parts: Parts
    voice: Voice
    logs: AnyLogs
    find_presence: Callable[[], Presence | None]

    def refuse(self, repository: Repository, login: str) -> str | None:
        """Why a login at GitHub may not write to a repository, None when they may; GitHub is asked."""
        if not self.parts.github.is_known:
            return "the hub is nobody to GitHub"
        return find_refusal(self.parts.github.client, repository, login, None)


def make_commands(ground: Ground) -> Sequence[Command]:
    """What people can ask for."""
    return list_commands(make_answers(ground.settings, ground.parts, ground.voice, ground.logs, ground.refuse))


def make_listeners(ground: Ground) -> Sequence[Listener]:
    """Who is told what happens on IRC."""
    database, logged = ground.parts.database, ground.settings.irc.logged
    log = [ChannelLog(database, logged)] if logged else []
    return [Memory(database, ground.voice.say, time.time).listen, *log]


def make_reporters(ground: Ground) -> Sequence[Reporter]:
    """Who tells IRC what happens here. They `Voice.tell`; only the process that has the bot drains them."""

    def find_nicks(channel: str) -> Mapping[str, str]:
        presence = ground.find_presence()
        here = presence.members_of(channel) if presence is not None else ()
        return {fold_name(person.account): person.nick for person in here if person.account}

    pairs = (one.partition("=") for one in ground.settings.irc.accounts)
    reporter = IrcReporter(
        ground.parts.database,
        ground.voice,
        read_rules(ground.settings),
        ground.settings.public_url,
        time.time,
        nicks_of=find_nicks,
        logins={account: login for account, _, login in pairs},
    )
    return [reporter]


def read_rules(settings: Settings) -> tuple[Rule, ...]:
    """What the channels hear of. Raises SettingsError."""
    try:
        return make_rules([channel.partition(" ")[0] for channel in settings.irc.channels], settings.irc.news)
    except MalformedError as error:
        raise SettingsError(f"IRC__NEWS: {error}") from error


def make_drains(ground: Ground) -> Mapping[str, Drain]:
    """What the process that has the bot looks for now and then."""
    return {"irc_watches": make_watches(ground.settings, ground.parts, ground.voice).drain}
