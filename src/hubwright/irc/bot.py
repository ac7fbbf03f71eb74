"""The bot: keeps a connection, comes back after each loss, answers orders, and never says more than servers bear."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from hubwright.domain.backoff import backoff
from hubwright.irc.lines import MAX_LINE, read_line, write_line, write_notice
from hubwright.irc.orders import BuildOrder, Order, read_build_order, read_order
from hubwright.irc.session import Heard, IrcError, Login, Session

logger = structlog.get_logger()

SILENCE = 120.0
"""Seconds without a line after which the server is asked whether it lives, and again until it counts as gone."""

BURST, PACE = 4, 2.0
"""Lines that may go at once, and seconds for each further one (RFC 1459, 8.10)."""

MAX_QUEUED = 50
"""Lines that wait to be said; what comes on top is dropped."""

MAX_ORDERS, PER_MINUTE = 8, 5
"""Orders that are carried out at once, and those of one person in a minute."""

MAX_KNOWN = 1000
"""People whose orders are counted."""

_RETRY_BASE, _RETRY_CAP = 5.0, 300.0
_MAX_INCOMING = 16 * 1024  # tags have room of their own
_HELP = "I know: !build JOB [BRANCH] [NAME=VALUE …], !help."


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where to connect; `tls` None: in the clear."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class Bot:
    """`start` carries out an order of an account (in a thread) and gives the answer."""

    def __init__(self, server: Server, login: Login, start: Callable[[BuildOrder, str | None, float], str]) -> None:
        self._server = server
        self._login = login
        self._start = start
        self._orders: set[asyncio.Task[None]] = set()
        self._asked: OrderedDict[str, list[float]] = OrderedDict()

    async def run(self) -> None:
        """Until it is cancelled."""
        failures = 0
        try:
            while True:
                session = Session(self._login)
                try:
                    await self._visit(session)
                except (OSError, IrcError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
                    logger.warning("irc_away", server=self._server.host, error=str(error) or type(error).__name__)
                failures = 1 if session.ready else failures + 1
                await asyncio.sleep(backoff(failures, _RETRY_BASE, _RETRY_CAP, random.random()))  # noqa: S311  no secret
        finally:
            for task in self._orders:
                task.cancel()

    async def _visit(self, session: Session) -> None:
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(self._server.host, self._server.port, ssl=self._server.tls, limit=_MAX_INCOMING),
            30.0,
        )
        said: asyncio.Queue[bytes] = asyncio.Queue(MAX_QUEUED)
        speaking = asyncio.create_task(_speak(said, writer))
        try:
            for line in session.begin():
                said.put_nowait(line)
            await self._listen(session, reader, said)
        finally:
            speaking.cancel()
            with suppress(OSError):
                writer.write(write_line("QUIT", "The hub goes."))
            writer.close()

    async def _listen(self, session: Session, reader: asyncio.StreamReader, said: asyncio.Queue[bytes]) -> None:
        asked = False
        while True:
            try:
                data = await asyncio.wait_for(reader.readuntil(b"\n"), SILENCE)
            except TimeoutError:
                if asked:
                    raise
                asked = True
                _say(said, write_line("PING", "hubwright"))
                continue
            except asyncio.LimitOverrunError as error:
                raise IrcError("The server sent a line without an end.") from error
            asked = False
            if (line := read_line(data.rstrip(b"\r\n"))) is None:
                continue
            answers, heard = session.hear(line)
            for answer in answers:
                _say(said, answer)
            if heard is not None:
                self._obey(session, heard, said)

    def _obey(self, session: Session, heard: Heard, said: asyncio.Queue[bytes]) -> None:
        order = read_order(heard.text, session.nick, in_query=heard.in_query)
        if order is None:
            return
        given = self._count(heard.account or heard.nick)
        if given > PER_MINUTE:
            if given == PER_MINUTE + 1:  # said once: what is said too often is noise
                _reply(said, heard, "I take five orders a minute from one person; wait a little.")
            return
        answer = self._answer_at_once(order, heard)
        if isinstance(answer, str):
            _reply(said, heard, answer)
        elif answer is not None and len(self._orders) < MAX_ORDERS:
            task = asyncio.create_task(self._carry_out(answer, heard, said))
            self._orders.add(task)
            task.add_done_callback(self._orders.discard)
        elif answer is not None:
            _reply(said, heard, "I am busy with other orders; ask again in a minute.")

    def _answer_at_once(self, order: Order, heard: Heard) -> BuildOrder | str | None:
        """An answer, or what takes longer; unknown orders are explained in a query and ignored in a channel."""
        match order.name:
            case "build":
                return read_build_order(order.words)
            case "help":
                return _HELP
        return f"I don't know {order.name[:50]}. {_HELP}" if heard.in_query else None

    async def _carry_out(self, order: BuildOrder, heard: Heard, said: asyncio.Queue[bytes]) -> None:
        try:
            answer = await asyncio.to_thread(self._start, order, heard.account, time.time())
        except Exception as error:  # one order must not end the bot; who gave it is told
            logger.error("irc_order_failed", exc_info=error, job=order.job)
            answer = "That failed; the hub's log says why."
        _reply(said, heard, answer)

    def _count(self, who: str) -> int:
        """How many orders that one has given within a minute, this one included."""
        now = time.monotonic()
        times = [one for one in self._asked.pop(who, []) if now - one < 60.0][-PER_MINUTE:]
        self._asked[who] = [*times, now]
        while len(self._asked) > MAX_KNOWN:
            self._asked.popitem(last=False)
        return len(times) + 1


def _reply(said: asyncio.Queue[bytes], heard: Heard, text: str) -> None:
    _say(said, write_notice(heard.target, text if heard.in_query else f"{heard.nick}: {text}"))


def _say(said: asyncio.Queue[bytes], line: bytes) -> None:
    with suppress(asyncio.QueueFull):
        said.put_nowait(line)


async def _speak(said: asyncio.Queue[bytes], writer: asyncio.StreamWriter) -> None:
    """Say what waits, no faster than servers bear."""
    budget, at = float(BURST), time.monotonic()
    while True:
        line = await said.get()
        now = time.monotonic()
        budget, at = min(BURST, budget + (now - at) / PACE), now
        if budget < 1:
            await asyncio.sleep((1 - budget) * PACE)
            budget, at = 1.0, time.monotonic()
        budget -= 1
        writer.write(line[:MAX_LINE])
        with suppress(OSError):  # who listens notices
            await writer.drain()
