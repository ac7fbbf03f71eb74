"""What the bot on IRC consists of beside its connection: commands, listeners, reporters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hubwright.config import Settings
from hubwright.domain.repos import Repository
from hubwright.hub.permissions import find_refusal
from hubwright.irc.commands import Command
from hubwright.irc.listening import Listener
from hubwright.irc.starts import Starts
from hubwright.irc.voice import Voice
from hubwright.reports import Reporter
from hubwright.wiring.parts import Parts


@dataclass(frozen=True)
class Ground:
    """What they may be made of; `voice` says things on IRC."""

    settings: Settings
    parts: Parts
    voice: Voice

    def refuse(self, repository: Repository, login: str) -> str | None:
        """Why a login at GitHub may not write to a repository, None when they may; GitHub is asked."""
        if not self.parts.github.is_known:
            return "the hub is nobody to GitHub"
        return find_refusal(self.parts.github.client, repository, login, None)

    @property
    def logins(self) -> dict[str, str]:
        """The logins at GitHub of services accounts, in lower case."""
        pairs = (one.partition("=") for one in self.settings.irc.accounts)
        return {account.lower(): login for account, _, login in pairs}


def make_commands(ground: Ground) -> Sequence[Command]:
    """What people can ask for."""
    parts, url = ground.parts, ground.settings.public_url
    return [Starts(parts.database, parts.wishes, ground.logins, ground.refuse, url).make_command()]


def make_listeners(_ground: Ground) -> Sequence[Listener]:
    """Who is told what happens on IRC."""
    return []


def make_reporters(_ground: Ground) -> Sequence[Reporter]:
    """Who tells IRC what happens here. They `Voice.tell`; only the process that has the bot drains them."""
    return []
