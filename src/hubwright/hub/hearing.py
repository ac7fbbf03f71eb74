"""What builders say: log bytes to the log, messages to the database; what is durable is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from hubwright.domain.fingerprints import BAD
from hubwright.errors import WireError
from hubwright.hub import inquest, moves
from hubwright.hub.bounds import ITEMS_OF_RUN, Terms, count_items, end_flood, tame
from hubwright.hub.known_failures import NOTHING, read_tail
from hubwright.hub.logs import Logs
from hubwright.hub.session import Session, SessionSettings
from hubwright.store.database import Database
from hubwright.wire import (
    Ack,
    Do,
    Event,
    Images,
    Job,
    LatestCommit,
    Leaving,
    Output,
    Ping,
    Pong,
    Problems,
    Recorder,
    Result,
    Scrub,
    Slots,
    Tests,
    Vitals,
    read_message,
    read_output,
)

ACK_BYTES = 1024 * 1024
"""Log bytes after which they are acknowledged at once."""

ACK_SOON = 0.05
"""Seconds within which everything else is acknowledged."""


class Hearing:
    """Hears all sessions of this process. `on_change` is called when a builder may have become free."""

    def __init__(
        self,
        database: Database,
        logs: Logs,
        clock: Callable[[], float],
        on_change: Callable[[], None],
        settings: SessionSettings,
    ) -> None:
        self._database = database
        self._logs = logs
        self._clock = clock
        self._on_change = on_change
        self._on_facts = settings.on_facts
        self._on_search = settings.on_search
        self._on_room = settings.on_room
        self._tasks: set[asyncio.Task[Any]] = set()

    async def hear(self, session: Session, frame: str | bytes) -> None:
        """Take one frame of a builder. Raises WireError; what can't be kept ends the session later."""
        if isinstance(frame, bytes):
            await self._hear_output(session, read_output(frame))
            return
        match read_message(frame, from_builder=True):
            case Ping() as ping:
                await session.send(Pong(at=ping.at, clock=self._clock()))
            case Pong() as pong:
                session.hear_pong(pong, self._clock())
            case LatestCommit():
                self._on_change()
            case Slots(slots=slots):
                session.hear_slots(slots)
                self._on_change()
            case Vitals() as vitals:
                session.hear_vitals(vitals)
            case Recorder() as told:
                refine = partial(inquest.refine, builder=session.hello.name, message=told, now=self._clock())
                await self._database.write_soon(refine)
            case Leaving(on_demand=on_demand):
                session.draining, session.on_demand, session.noted = True, on_demand, False
            case Job() | Result() | Event() | Tests() | Problems() | Images() | Scrub() as message:
                await self._hear_message(session, message)
            case message:
                raise WireError(f"{message.word} is not expected here")

    async def _hear_output(self, session: Session, output: Output) -> None:
        holding = session.holdings.get(output.run)
        if holding is None or holding.lease != output.lease:
            await session.send(Do(order="drop", run=output.run, lease=output.lease, reason="the lease is gone"))
            return
        if output.offset + len(output.data) > holding.limit:
            await self._end_flood(session, output, holding.limit)
            return
        holding.log = self._logs.append(output.run, output.offset, output.data, self._clock())
        holding.dirty = True
        if holding.log - holding.acked_log >= ACK_BYTES:
            await self._acknowledge(session, output.run)
        else:
            self._acknowledge_soon(session)

    async def _hear_message(self, session: Session, message: moves.Telling) -> None:
        if isinstance(message, Job | Result) and _lacks_log(session, message):
            await session.channel.close("log bytes are missing; connect again and resend them")
            return
        if isinstance(message, Scrub):
            self._scrub(session, message)
        await session.pending.acquire()
        message = self._tame(session, message)
        failed = isinstance(message, Result) and message.stage is None and message.result in BAD
        tail = read_tail(self._logs, message.run) if failed else NOTHING
        told = moves.Told(session.hello.name, message, self._clock(), tail)
        answer = self._database.write_each(moves.apply_messages, told)
        answer.add_done_callback(partial(self._applied, session, message))

    def _scrub(self, session: Session, message: Scrub) -> None:
        """Done before it is acknowledged; done twice it does no harm. What is not here yet comes without the secret."""
        holding = session.holdings.get(message.run)
        if holding is None or holding.lease != message.lease:
            return
        if sum(max(length, 0) for _, length in message.spans) > holding.limit:
            raise WireError("more is to be scrubbed than the log may have")
        self._logs.scrub(message.run, message.spans)

    def _tame(self, session: Session, message: moves.Telling) -> moves.Telling:
        holding = session.holdings.get(message.run)
        if holding is None:
            return tame(message, Terms(0.0, self._clock(), session.ahead, 2**62))
        terms = Terms(holding.since, self._clock(), session.ahead, holding.limit, ITEMS_OF_RUN - holding.items)
        holding.items += count_items(message)
        return tame(message, terms)

    async def _end_flood(self, session: Session, output: Output, limit: int) -> None:
        """The log is longer than the run may have: its bytes are dropped, the run ends, the builder forgets it."""
        self._logs.finish(output.run)
        session.holdings.pop(output.run, None)
        end = partial(end_flood, run=output.run, lease=output.lease, limit=limit, now=self._clock())
        await self._database.write_soon(end)
        await session.send(Do(order="drop", run=output.run, lease=output.lease, reason="its log is too long"))
        self._on_change()

    def _applied(self, session: Session, message: moves.Telling, answer: asyncio.Future[moves.Applied]) -> None:
        session.pending.release()
        if answer.cancelled() or (error := answer.exception()) is not None:
            session.failure = None if answer.cancelled() else error
            self._soon(session.channel.close("a message could not be kept"))
            return
        applied = answer.result()
        if not applied.held:
            if session.holds(message.run, message.lease):  # it may hold the run anew, under another lease
                del session.holdings[message.run]
            self._soon(self._drop(session, message))
        elif applied.gap:
            self._soon(session.channel.close("messages are missing; connect again and resend them"))
        else:
            self._advance(session, message, ended=applied.ended)
        if isinstance(message, Problems) and applied.held:
            self._logs.ring(message.run)
        if applied.searched:
            self._on_search()
        if applied.admits:
            self._on_room()
        if applied.ended or not applied.held:
            self._on_change()
        self._on_facts()

    def _advance(self, session: Session, message: moves.Telling, *, ended: bool) -> None:
        holding = session.holdings.get(message.run)
        if holding is None or holding.lease != message.lease:
            return
        holding.seq = max(holding.seq, message.seq)
        holding.dirty = True
        if ended:
            self._logs.finish(message.run)
            del session.holdings[message.run]
            self._soon(session.send(Ack(run=message.run, lease=message.lease, seq=holding.seq, log=holding.log)))
        else:
            self._acknowledge_soon(session)

    async def _drop(self, session: Session, message: moves.Telling) -> None:
        await session.send(Do(order="drop", run=message.run, lease=message.lease, reason="the lease is gone"))

    def _acknowledge_soon(self, session: Session) -> None:
        if not session.ack_due:
            session.ack_due = True
            asyncio.get_running_loop().call_later(ACK_SOON, lambda: self._soon(self._acknowledge_all(session)))

    async def _acknowledge_all(self, session: Session) -> None:
        session.ack_due = False
        for run in [run for run, holding in session.holdings.items() if holding.dirty]:
            await self._acknowledge(session, run)

    async def _acknowledge(self, session: Session, run: int) -> None:
        holding = session.holdings.get(run)
        if holding is not None:
            holding.dirty = False
            holding.acked_log = holding.log
            await session.send(Ack(run=run, lease=holding.lease, seq=holding.seq, log=holding.log))

    def _soon(self, work: Awaitable[Any]) -> None:
        """Do it in the background; a connection that has ended meanwhile is no failure."""
        task = asyncio.ensure_future(quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _lacks_log(session: Session, message: Job | Result) -> bool:
    """Whether the message comes after log bytes that are not here: a disk that came back lost them.

    Builders of wire version 1 can't send again what was acknowledged.
    """
    holding = session.holdings.get(message.run)
    lacks = holding is not None and holding.lease == message.lease and message.log > holding.log
    return lacks and session.hello.wire > 1


async def quietly(work: Awaitable[Any]) -> None:
    """Do it; a connection that has ended meanwhile is no failure."""
    try:
        await work
    except ConnectionError:
        return
