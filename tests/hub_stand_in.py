"""A hub as a builder sees one: a real WebSocket server speaking `wire.py`, that keeps what it is told in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from hubwright.wire import (
    WIRE_VERSION,
    Ack,
    Do,
    Hello,
    Job,
    Known,
    Message,
    Payload,
    Ping,
    Pong,
    Result,
    Source,
    Welcome,
    read_message,
    read_output,
    write_message,
)

TOKEN = "builder-token-canary"


@dataclass
class Told:
    """What has come of one run."""

    messages: list[Message] = field(default_factory=list)
    log: bytearray = field(default_factory=bytearray)
    seq: int = 0
    held: bool = True

    @property
    def result(self) -> Result | None:
        return next((m for m in self.messages if isinstance(m, Result) and m.stage is None), None)

    def stage_results(self) -> dict[int, str]:
        return {m.stage: m.result for m in self.messages if isinstance(m, Result) and m.stage is not None}

    def of(self, kind: type[Any]) -> list[Any]:
        return [m for m in self.messages if isinstance(m, kind)]


class HubStandIn:
    """Accepts one builder at a time; `acks` off = it never acknowledges; `mute` = it leaves pings unanswered."""

    def __init__(self, *, heartbeat: float = 5.0) -> None:
        self.heartbeat = heartbeat
        self.wire = WIRE_VERSION
        self.told: dict[tuple[int, int], Told] = {}
        self.hellos: list[Hello] = []
        self.others: list[Message] = []
        self.acks = True
        self.mute = False
        self.pings = 0
        self.frames = 0
        self.changed = asyncio.Condition()
        self.connection: ServerConnection | None = None
        self._server: Server | None = None
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[HubStandIn]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, compression=None, max_size=None, process_request=self._check,
            ping_interval=None,
        )  # fmt: skip
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _check(self, connection: ServerConnection, request: Any) -> Any:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return connection.respond(401, "no\n")
        assert request.path == "/api/v1/builder"
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            hello = read_message(await connection.recv(), from_builder=True)
            assert isinstance(hello, Hello)
            known = tuple(self._known(held.run, held.lease) for held in hello.runs)
            welcome = Welcome(wire=self.wire, heartbeat=self.heartbeat, runs=known)
            await connection.send(write_message(welcome))
            self.hellos.append(hello)
            self.connection = connection
            await self._note()
            async for frame in connection:
                await self._take(connection, frame)

    def _known(self, run: int, lease: int) -> Known:
        told = self.told.get((run, lease))
        if told is None or not told.held:
            return Known(run=run, lease=lease, held=False)
        return Known(run=run, lease=lease, held=True, seq=told.seq, log=len(told.log))

    async def _take(self, connection: ServerConnection, frame: str | bytes) -> None:
        self.frames += 1
        if isinstance(frame, bytes):
            output = read_output(frame)
            key = (output.run, output.lease)
            told = self.told.setdefault(key, Told())
            assert output.offset <= len(told.log), "a gap in the log"
            told.log[output.offset :] = output.data
        else:
            message = read_message(frame, from_builder=True)
            if isinstance(message, Ping):
                self.pings += 1
                if self.mute:
                    return
                await connection.send(write_message(Pong(at=message.at)))
                return
            if not hasattr(message, "seq"):
                self.others.append(message)
                await self._note()
                return
            key = (message.run, message.lease)
            told = self.told.setdefault(key, Told())
            if message.seq > told.seq:
                assert message.seq == told.seq + 1, "a message is missing"
                if isinstance(message, Job | Result):
                    assert len(told.log) >= message.log, "a message overtook its log"
                told.messages.append(message)
                told.seq = message.seq
        if self.acks:
            await connection.send(write_message(Ack(run=key[0], lease=key[1], seq=told.seq, log=len(told.log))))
        await self._note()

    async def _note(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def until(self, holds: Callable[[], Any], seconds: float = 20) -> Any:
        """Wait until `holds` gives something true, and give it."""
        async with asyncio.timeout(seconds), self.changed:
            while not (found := holds()):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 0.1)
            return found

    async def order(self, message: Do) -> None:
        connection = await self.until(lambda: self.connection)
        if message.order == "build":
            self.told.setdefault((message.run, message.lease), Told())
        await connection.send(write_message(message))

    async def build(self, payload: Payload, run: int = 1, lease: int = 1) -> Told:
        """Order a build, and give what will be told of it."""
        await self.order(Do(order="build", run=run, lease=lease, payload=payload))
        return self.told[run, lease]

    async def result(self, told: Told, seconds: float = 20) -> Result:
        found: Result = await self.until(lambda: told.result, seconds)
        return found

    async def cut(self) -> None:
        """Cut the connection without a goodbye."""
        assert self.connection is not None
        connection, self.connection = self.connection, None
        connection.transport.abort()


def payload(*stages: dict[str, Any], source: Source | None = None, **rest: Any) -> Payload:
    """An assignment without checkout, unless a source is given."""
    nothing = Source(repository="o/n", clone_url="https://example.org/o/n.git", sha="0" * 40, ref="", checkout=False)
    return Payload(source=source or nothing, stages=stages, **rest)
