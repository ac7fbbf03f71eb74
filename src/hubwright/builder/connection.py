"""The WebSocket to the hub: made again for ever, resumed where it was cut, while builds go on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import time

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from hubwright.builder.delivery import Delivery
from hubwright.builder.spool import Key, Spools
from hubwright.errors import UnauthenticatedError, WireError
from hubwright.wire import (
    MAX_FRAME,
    WIRE_VERSION,
    Ack,
    Do,
    Hello,
    Known,
    LatestCommit,
    Leaving,
    Message,
    Ping,
    Pong,
    Slots,
    Waiting,
    Welcome,
    read_message,
    write_message,
)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
"""Seconds between attempts to connect; each doubles the one before, with up to a half taken off at random."""

_PATIENCE = 10.0  # seconds for the handshake and for the welcome
_SILENT_HEARTBEATS = 3
_SETTLED = 5.0  # seconds that a connection must hold, or a hub that throws us out would be asked without a pause

log = structlog.get_logger()


@dataclass(frozen=True)
class Hub:
    """Where the hub is, and the token that it knows this builder by."""

    url: str
    token: str

    @property
    def socket(self) -> str:
        """The address of the builders' socket."""
        return "ws" + self.url.rstrip("/").removeprefix("http") + "/api/v1/builder"


@dataclass(frozen=True)
class Talk:
    """What the connection asks of the agent: who it is, what to do with an order, and with a run that is lost.

    `free`: whether it could take a run; `waits` hears how many wait.
    """

    hello: Callable[[], Hello]
    obey: Callable[[Do], None]
    lose: Callable[[Key, str], None]
    free: Callable[[], bool]
    waits: Callable[[int], None] = lambda _runs: None


class Pauses:
    """How long to wait before each attempt."""

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE

    def begin(self) -> None:
        """Start again with the shortest."""
        self._pause = FIRST_PAUSE

    def next(self) -> float:
        """Seconds to wait now."""
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        return pause * random.uniform(0.5, 1)  # noqa: S311  spreads builders, guards nothing


class Connection:
    """Keeps the spools flowing to the hub and hands its orders to the agent."""

    def __init__(self, hub: Hub, spools: Spools, talk: Talk) -> None:
        self._hub = hub
        self._spools = spools
        self._talk = talk
        self._socket: ClientConnection | None = None
        self._heartbeat = 10.0
        self._wire = 1  # the hub's version, once it has said it
        self.last_heard = asyncio.get_running_loop().time()
        self.silence = 0.0  # seconds without a word from the hub before the last attempt to connect
        self.greeted = False  # whether a hub has ever let this builder in
        self.leaving = False
        self._on_demand = False

    async def keep(self) -> None:
        """Connect, and connect again, for ever. Raises UnauthenticatedError when the hub has never known the token."""
        pauses = Pauses()
        while True:
            try:
                async with self._connect() as socket:
                    await self._greet(socket)
                    await self._converse(socket, pauses)
            except InvalidStatus as error:
                status = error.response.status_code
                if status in {401, 403} and not self.greeted and not len(self._spools):
                    raise UnauthenticatedError("The hub does not accept the token of this builder.") from error
                log.warning("hub_refused", status=status, hub=self._hub.url)
            except (OSError, WebSocketException, WireError) as error:
                log.info("hub_away", hub=self._hub.url, reason=str(error) or type(error).__name__)
            finally:
                self._socket = None
            await asyncio.sleep(pauses.next())

    def _connect(self) -> connect:
        return connect(
            self._hub.socket,
            additional_headers={"Authorization": f"Bearer {self._hub.token}"},
            compression=None,
            max_size=MAX_FRAME,
            ping_interval=None,
            open_timeout=_PATIENCE,
            close_timeout=1,
        )

    async def leave(self, *, on_demand: bool = False) -> None:
        """Tell the hub that this builder takes no more; when the connection is cut, after the next welcome."""
        self.leaving, self._on_demand = True, on_demand
        if self._socket is not None:
            with suppress(WebSocketException):
                await self._say(self._socket, Leaving(on_demand=on_demand))

    async def tell(self, message: Message) -> None:
        """Tell the hub what it need not be sure to hear; nothing happens while there is no connection."""
        if self._socket is not None:
            with suppress(WebSocketException):
                await self._say(self._socket, message)

    async def _greet(self, socket: ClientConnection) -> None:
        self.silence = asyncio.get_running_loop().time() - self.last_heard
        hello = self._talk.hello()
        await self._say(socket, hello)
        async with asyncio.timeout(_PATIENCE):
            welcome = await self._hear(socket)
        if not isinstance(welcome, Welcome):
            raise WireError("the hub's first message is no welcome")
        if abs(welcome.wire - WIRE_VERSION) > 1:
            raise WireError(f"the hub speaks version {welcome.wire} of the wire, this builder {WIRE_VERSION}")
        self._heartbeat = max(0.1, welcome.heartbeat)
        self._wire = welcome.wire
        for known in welcome.runs:
            self._resume(known)
        self._socket, self.greeted = socket, True
        log.info("hub_connected", hub=self._hub.url, runs=len(self._spools))
        if self.leaving:
            await self._say(socket, Leaving(on_demand=self._on_demand))
            return
        if (now := self._talk.hello().slots) != hello.slots:
            await self._say(socket, Slots(slots=now))
        if self._talk.free():
            await self._say(socket, LatestCommit(platform=hello.platform))

    def _resume(self, known: Known) -> None:
        key = Key(known.run, known.lease)
        spool = self._spools.get(key)
        if spool is None:
            return
        if known.held:
            spool.resume(known.seq, known.log)
        else:
            self._talk.lose(key, "the hub gave the run to another builder")

    async def _converse(self, socket: ClientConnection, pauses: Pauses) -> None:
        """Listen and send until the connection breaks; then all of it ends."""
        settled = asyncio.get_running_loop().call_later(_SETTLED, pauses.begin)
        sending = asyncio.create_task(self._send_all(socket))
        listening = asyncio.create_task(self._listen(socket))
        try:
            done, _ = await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            settled.cancel()
            for task in (sending, listening):
                task.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)

    async def _listen(self, socket: ClientConnection) -> None:
        silent = 0
        while True:
            try:
                async with asyncio.timeout(self._heartbeat):
                    message = await self._hear(socket)
            except TimeoutError:
                silent += 1
                if silent > _SILENT_HEARTBEATS:
                    raise
                await self._say(socket, Ping(at=time()))
                continue
            silent = 0
            match message:
                case Ack(run=run, lease=lease, seq=seq, log=size):
                    spool = self._spools.get(Key(run, lease))
                    if spool is not None:
                        spool.acknowledge(seq, size)
                case Do():
                    self._talk.obey(message)
                case Waiting(runs=runs):
                    self._talk.waits(runs)
                case Ping(at=at):
                    await self._say(socket, Pong(at=at, clock=time()))

    async def _send_all(self, socket: ClientConnection) -> None:
        """One delivery for each held run, as runs come; what is delivered is forgotten."""
        started: set[Key] = set()
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._spools.changed.clear()
                    for spool in self._spools:
                        if spool.key not in started:
                            started.add(spool.key)
                            group.create_task(self._deliver(socket, spool.key))
                    await self._spools.changed.wait()
        except ExceptionGroup as problems:
            raise problems.exceptions[0] from problems

    async def _deliver(self, socket: ClientConnection, key: Key) -> None:
        spool = self._spools.get(key)
        if spool is None:
            return
        await Delivery(spool, socket.send, self._wire).run()
        if spool.delivered and not spool.closed:
            self._spools.drop(key)

    async def _hear(self, socket: ClientConnection) -> Message:
        frame = await socket.recv()
        self.last_heard = asyncio.get_running_loop().time()
        return read_message(frame, from_builder=False)

    async def _say(self, socket: ClientConnection, message: Message) -> None:
        """Tell the hub, unless it is too old to know such a message."""
        if message.since <= self._wire:
            await socket.send(write_message(message))
