"""The commands of the bot as a table: what each is called, how it is typed, who may, and what answers.

    Commands([
        Command(name="queue", syntax="", summary="what waits", answer=queue.tell),
        Command(name="rerun", syntax="[ID|last] [failed]", summary="build it again", may=people.may_write, answer=…),
    ])

`may` and `answer` are called in a thread: they may ask the database and GitHub. What they raise as HubwrightError is
said to the one who asked; any other error is logged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from hubwright.domain.irc_text import Text
from hubwright.errors import HubwrightError
from hubwright.irc.events import Person

MAX_LINES = 3
"""Lines of an answer; whoever has more to tell gives an address."""


class Presence(Protocol):
    """What the bot knows of the network at this moment; from any thread."""

    @property
    def nick(self) -> str:
        """What we are called by now."""

    @property
    def lag(self) -> float | None:
        """Seconds that the server took to answer last; None before the first time, and while there is no server."""

    def find_person(self, nick: str) -> Person | None:
        """Somebody who is in a channel with us."""

    def members_of(self, channel: str) -> Sequence[Person]:
        """Who is in a channel; nobody when we are not."""

    def channels_of(self, nick: str) -> Sequence[str]:
        """Those of our channels that somebody is in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """Somebody calls a command. `name` is as they called it, in lower case; `text` is what stands behind it, cleaned
    of control characters, and `words` the words of that. `channel` None: in a query. `at`: Unix time.
    """

    name: str
    text: str
    words: Sequence[str]
    who: Person
    channel: str | None
    at: float
    presence: Presence


def anybody(_request: Request) -> str | None:
    """No refusal: it only tells what everybody may read."""
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One command. `may` gives a refusal in one sentence, or None; `answer` gives at most MAX_LINES lines, the first
    of them is prefixed with the nick in a channel. No line: nothing is said.
    """

    name: str
    syntax: str = ""
    summary: str
    answer: Callable[[Request], Sequence[Text]]
    may: Callable[[Request], str | None] = anybody
    aliases: Sequence[str] = ()

    @property
    def usage(self) -> str:
        """How it is typed."""
        return f"!{self.name} {self.syntax}".rstrip()


class Commands:
    """The table. `!help [COMMAND]` comes with it. Names and aliases are unique: ValueError."""

    def __init__(self, commands: Sequence[Command]) -> None:
        own = Command(name="help", syntax="[COMMAND]", summary="what I know", answer=self._help)
        self._commands = (*commands, own)
        self._named: dict[str, Command] = {}
        for command in self._commands:
            for name in (command.name, *command.aliases):
                if name in self._named:
                    raise ValueError(f"two commands are called {name}")
                self._named[name] = command

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands)

    def find(self, name: str) -> Command | None:
        """The command of that name or alias."""
        return self._named.get(name.lower())

    def answer(self, request: Request) -> Sequence[Text]:
        """What to say to it. Raises what a command raises beyond HubwrightError."""
        command = self.find(request.name)
        if command is None:
            return [f"I don't know {request.name[:50]}. {self.overview}"]
        try:
            refusal = command.may(request)
            return [refusal] if refusal is not None else command.answer(request)[:MAX_LINES]
        except HubwrightError as error:
            return [str(error)]

    @property
    def overview(self) -> str:
        """All commands in a line."""
        return f"I know {' '.join(f'!{one.name}' for one in self._commands)}; !help COMMAND says how."

    def _help(self, request: Request) -> Sequence[Text]:
        if not request.words:
            return [self.overview]
        command = self.find(request.words[0].removeprefix("!"))
        if command is None:
            return [f"I don't know {request.words[0][:50]}. {self.overview}"]
        also = f" (also {', '.join(f'!{name}' for name in command.aliases)})" if command.aliases else ""
        return [f"{command.usage}: {command.summary}{also}"]
