"""Commands that people give, carried out in threads: a few at once, and of each person a few a minute."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence

import structlog

from hubwright.domain.irc_text import Text, clean
from hubwright.irc.commands import MAX_LINES, Commands, Presence, Request
from hubwright.irc.events import Kind, Said
from hubwright.irc.orders import read_order
from hubwright.irc.speech import Priority
from hubwright.irc.voice import Voice

MAX_AT_ONCE, PER_MINUTE = 8, 5
"""Commands that are carried out at once, and those of one person in a minute."""

MAX_KNOWN = 1000
"""People whose commands are counted."""

logger = structlog.get_logger()


class Answering:
    """Answers go where the question came from."""

    def __init__(self, commands: Commands, voice: Voice, presence: Presence) -> None:
        self._commands = commands
        self._voice = voice
        self._presence = presence
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked: OrderedDict[str, list[float]] = OrderedDict()

    def hear(self, said: Said) -> None:
        """Carry out what was said to us. In a channel unknown commands may be other bots'."""
        if said.own or said.kind is not Kind.MESSAGE:
            return
        order = read_order(clean(said.text), self._presence.nick, in_query=said.channel is None)
        if order is None or (said.channel is not None and self._commands.find(order.name) is None):
            return
        given = self._count(said.who.account or f"{said.who.user}@{said.who.host}")
        if given > PER_MINUTE:
            if given == PER_MINUTE + 1:  # said once: what is said too often is noise
                self._reply(said, [f"I take {PER_MINUTE} commands a minute from one person; wait a little."])
        elif len(self._tasks) >= MAX_AT_ONCE:
            self._reply(said, ["I am busy with other commands; ask again in a minute."])
        else:
            request = Request(
                name=order.name, text=order.text, words=order.words, who=said.who, channel=said.channel, at=said.at,
                presence=self._presence,
            )  # fmt: skip
            task = asyncio.create_task(self._carry_out(request, said))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Wait for no answer any more."""
        for task in self._tasks:
            task.cancel()

    async def _carry_out(self, request: Request, said: Said) -> None:
        try:
            lines = await asyncio.to_thread(self._commands.answer, request)
        except Exception as error:  # one command must not end the bot; who gave it is told
            logger.error("irc_command_failed", exc_info=error, command=request.name)
            lines = ["That failed; the hub's log says why."]
        self._reply(said, lines)

    def _reply(self, said: Said, lines: Sequence[Text]) -> None:
        for number, line in enumerate(lines[:MAX_LINES]):
            pieces = [line] if isinstance(line, str) else line
            named = said.channel is not None and number == 0
            self._voice.say(said.target, [f"{said.who.nick}: ", *pieces] if named else pieces, priority=Priority.ANSWER)

    def _count(self, who: str) -> int:
        """How many commands that one has given within a minute, this one included."""
        now = time.monotonic()
        times = [one for one in self._asked.pop(who, []) if now - one < 60.0][-PER_MINUTE:]
        self._asked[who] = [*times, now]
        while len(self._asked) > MAX_KNOWN:
            self._asked.popitem(last=False)
        return len(times) + 1
