"""Commands of the bot without a network: requests by people, with somebody else here or not, and what is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hubwright.domain.irc_names import fold_name
from hubwright.domain.irc_text import paint
from hubwright.irc.commands import Command, Commands, Request
from hubwright.irc.events import Person


@dataclass
class Here:
    """Who is in the one channel, as the bot sees it."""

    people: list[Person] = field(default_factory=list)
    channel: str = "#builds"
    nick: str = "hubwright"
    lag: float | None = None

    def find_person(self, nick: str) -> Person | None:
        return next((one for one in self.people if fold_name(one.nick) == fold_name(nick)), None)

    def members_of(self, _channel: str) -> Sequence[Person]:
        return self.people

    def channels_of(self, nick: str) -> Sequence[str]:
        return [self.channel] if self.find_person(nick) else []


class Asking:
    """`ask` gives the lines of an answer as they are said, without colours."""

    def __init__(self, commands: Sequence[Command], here: Here, now: float) -> None:
        self._commands = Commands(commands)
        self.here = here
        self.now = now

    def ask(self, text: str, who: Person, channel: str | None = "#builds") -> list[str]:
        name, _, rest = text.partition(" ")
        request = Request(
            name=name, text=rest.strip(), words=rest.split(), who=who, channel=channel, at=self.now, presence=self.here
        )
        return [paint(line, colours=False) for line in self._commands.answer(request)]
