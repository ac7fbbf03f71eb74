"""One connection in life: it reads, speaks no faster than servers bear, and notices when nobody is there any more."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from irctokens.line import Line

from hubwright.domain.irc_text import paint
from hubwright.irc.entry import IrcError
from hubwright.irc.events import Event, Kind, Person, Said
from hubwright.irc.lines import read_line, write_line, write_said
from hubwright.irc.session import Session
from hubwright.irc.speech import Outcome, Utterance
from hubwright.irc.voice import Voice

MOST_ERRANDS = 500
"""Lines of the protocol that wait for their turn; a server that asks for more is none."""

TICK = 2.0
"""Seconds between two looks at what is due."""

PARTING = 2.0
"""Seconds for a good-bye."""

_FENCE = "hubwright-"
_ERRAND, _PING = 0.5, 0.25  # lines that they cost as much as
_REFUSALS = frozenset({"401", "403", "404", "405", "408", "411", "412", "442", "477", "482", "489", "531", "716"})


class Connection:
    """`on_event` is called in the loop. `plain`: where no colours are used, `*` for everywhere. `silence`: seconds
    after which a server that does not answer is gone.
    """

    def __init__(
        self,
        session: Session,
        voice: Voice,
        on_event: Callable[[Event], None],
        *,
        plain: Sequence[str],
        silence: float,
    ) -> None:
        self.lag: float | None = None
        self._session = session
        self._voice = voice
        self._on_event = on_event
        self._plain = frozenset(name.lower() for name in plain)
        self._silence = silence
        self._errands: deque[bytes] = deque()
        self._unheard: deque[tuple[int, Utterance]] = deque()
        self._said = self._fenced = 0  # how many were said, and how many before the newest PING
        self._asked_at: dict[int, float] = {}
        self._heard_at = time.monotonic()
        self._is_more = asyncio.Event()

    async def live(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until it is cancelled or the connection ends. Raises OSError, IrcError, EOFError."""
        loop = asyncio.get_running_loop()
        self._voice.listen(lambda: loop.call_soon_threadsafe(self._is_more.set))
        self._send(writer, self._session.begin())
        tasks = [asyncio.create_task(work(reader, writer)) for work in (self._listen, self._speak, self._watch)]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ended.pop().result()
        finally:
            self._voice.stop_listening()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for _, utterance in self._unheard:
                utterance.settle(Outcome.LOST)
            await _part(writer)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                data = await reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                raise IrcError("The server sent a line without an end.") from error
            if (line := read_line(data.rstrip(b"\r\n"))) is None:
                continue
            if line.command == "PONG":
                self._pass_fence(line)
            elif line.command in _REFUSALS and len(line.params) > 1:
                self._refuse(line.params[1])
            answers, event = self._session.hear(line, time.time())
            self._send(writer, answers)
            if event is not None:
                self._on_event(event)

    async def _speak(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            pause = self._find_pause(writer)
            if pause is None or pause > 0:
                self._is_more.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._is_more.wait(), pause)
                continue
            if self._errands:
                writer.write(self._errands.popleft())
                self._voice.charge(_ERRAND)
            elif (utterance := self._voice.take()) is not None:
                self._utter(utterance, writer)
            await writer.drain()

    async def _watch(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ask the server from time to time whether it lives; raises IrcError when it does not."""
        while True:
            await asyncio.sleep(TICK)
            self._send(writer, self._session.tick(time.time()))
            now = time.monotonic()
            if any(now - at > self._silence for at in self._asked_at.values()):
                raise IrcError(f"The server has not answered for {self._silence:.0f} seconds.")
            if self._session.ready and not self._asked_at and now - self._heard_at > self._silence / 2:
                self._ask(writer)

    def _find_pause(self, writer: asyncio.StreamWriter) -> float | None:
        """Seconds until something may be written, None when nothing waits; then what was said is confirmed."""
        if self._errands or (self._voice.waits and self._session.may_speak(time.time())):
            return self._voice.pause()
        if self._voice.waits:
            return TICK / 4
        if any(number > self._fenced and utterance.waiter for number, utterance in self._unheard):
            self._ask(writer)
        return None

    def _send(self, writer: asyncio.StreamWriter, lines: Sequence[bytes]) -> None:
        """At once what the server waits for, the rest in turn. Raises IrcError."""
        for line in lines:
            if not self._session.ready or line.startswith(b"PONG"):
                writer.write(line)
            elif len(self._errands) < MOST_ERRANDS:
                self._errands.append(line)
                self._is_more.set()
            else:
                raise IrcError("The server asks for too much at once.")

    def _ask(self, writer: asyncio.StreamWriter) -> None:
        """A PING that is a fence too: what was said before it has been read when it is answered."""
        self._fenced = self._said
        self._asked_at.setdefault(self._fenced, time.monotonic())
        writer.write(write_line("PING", f"{_FENCE}{self._fenced}"))
        self._voice.charge(_PING)

    def _pass_fence(self, line: Line) -> None:
        number = line.params[-1].removeprefix(_FENCE) if line.params else ""
        if not number.isdecimal() or int(number) not in self._asked_at:
            return
        self._heard_at = time.monotonic()
        self.lag = self._heard_at - self._asked_at[int(number)]
        self._asked_at = {one: at for one, at in self._asked_at.items() if one > int(number)}
        while self._unheard and self._unheard[0][0] <= int(number):
            self._unheard.popleft()[1].settle(Outcome.SAID)

    def _refuse(self, target: str) -> None:
        """The server did not take what was said there first: it answers in order."""
        for said in self._unheard:
            if self._session.rooms.is_same(said[1].target, target):
                self._unheard.remove(said)
                said[1].settle(Outcome.REFUSED)
                return

    def _utter(self, utterance: Utterance, writer: asyncio.StreamWriter) -> None:
        session, target = self._session, utterance.target
        if (obstacle := session.find_obstacle(target)) is not None:
            utterance.settle(obstacle)
            return
        colours = not self._plain & {"*", target.lower()} and session.takes_colours(target)
        writer.write(write_said(target, utterance.text, colours=colours, prefix=session.prefix))
        self._said += 1
        self._unheard.append((self._said, utterance))
        if not session.echoes:
            self._on_event(self._make_own(utterance, colours=colours))

    def _make_own(self, utterance: Utterance, *, colours: bool) -> Said:
        """What the server would tell us of our words, if it told."""
        nick, target = self._session.nick, utterance.target
        who = self._session.rooms.find(nick) or Person(nick=nick)
        channel = target if self._session.rooms.has(target) else None
        text = paint(utterance.text, colours=colours)
        return Said(at=time.time(), who=who, channel=channel, target=target, text=text, kind=Kind.NOTICE, own=True)


async def _part(writer: asyncio.StreamWriter) -> None:
    """Say good-bye, where there is still somebody to say it to."""
    with suppress(OSError, TimeoutError):
        writer.write(write_line("QUIT", "The hub goes."))
        writer.close()
        await asyncio.wait_for(writer.wait_closed(), PARTING)
    writer.transport.abort()
