"""Many builders in one process: they hold connections as the real one does, with its pauses.

They build nothing; with a `Pretence` they take runs, and say in the protocol's words what a builder would.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import create_engine
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from hubwright.builder.connection import Pauses
from hubwright.errors import WireError
from hubwright.store.tokens import keep_token
from hubwright.wire import (
    WIRE_VERSION,
    Do,
    Hello,
    Job,
    LatestCommit,
    Output,
    Ping,
    Pong,
    Result,
    Welcome,
    read_message,
    write_message,
    write_output,
)

PATIENCE = 10.0
"""Seconds for handshake and welcome, as the real builder has."""


def make_tokens(database_url: str, count: int) -> list[str]:
    """Tokens of so many builders, kept in the hub's database."""
    engine = create_engine(database_url)
    try:
        with engine.begin() as connection:
            return [
                keep_token(connection, secrets.token_urlsafe(32), name=f"b{n}", role="builder", now=time.time())
                for n in range(count)
            ]
    finally:
        engine.dispose()


@dataclass
class Pretence:
    """How a run is pretended: one stage that prints so many lines in so many seconds and succeeds.

    `taken`: when which commit was taken, Unix seconds. `ended`: how many runs were told to their end.
    """

    seconds: Callable[[], float]
    lines: int = 20
    taken: dict[str, float] = field(default_factory=dict)
    ended: int = 0

    async def build(self, socket: ClientConnection, order: Do) -> None:
        """Tell of the whole run, as the connection lasts."""
        assert order.payload is not None
        self.taken.setdefault(order.payload.source.sha, time.time())
        of = {"run": order.run, "lease": order.lease}
        line = b"cc -O2 -Wall -c src/parse/values.c -o build/values.o   ok\n"
        steps, seconds = 4, self.seconds()
        await socket.send(write_message(Job(**of, seq=1, at=time.time(), stage=0)))
        data = line * (self.lines // steps)
        for step in range(steps):
            await socket.send(write_output(Output(order.run, order.lease, step * len(data), data)))
            await asyncio.sleep(seconds / steps)
        log = steps * len(data)
        done = {**of, "result": "success", "log": log}
        await socket.send(write_message(Result(**done, seq=2, at=time.time(), stage=0, exit_code=0)))
        await socket.send(write_message(Result(**done, seq=3, at=time.time())))
        self.ended += 1


@dataclass
class Crowd:
    """Builders of one hub, numbered from `first`.

    `welcomes`: seconds from hello to welcome, of all connections since it was cleared.
    """

    url: str
    tokens: Sequence[str]
    first: int = 0
    platform: str = "nowhere"
    pretence: Pretence | None = None
    here: set[int] = field(default_factory=set)
    welcomes: list[float] = field(default_factory=list)
    tries: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """All begin to connect, and again whenever they are cut off."""
        self._tasks = [asyncio.create_task(self._live(number)) for number in range(len(self.tokens))]

    async def stop(self) -> None:
        """All go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until_here(self, count: int, seconds: float) -> float:
        """Until so many are welcomed; how long that took. Raises TimeoutError."""
        begun = time.perf_counter()
        async with asyncio.timeout(seconds):
            while len(self.here) != count:  # noqa: ASYNC110  a poll is light enough, and counts from outside
                await asyncio.sleep(0.01)
        return time.perf_counter() - begun

    async def _live(self, number: int) -> None:
        pauses = Pauses()
        while True:
            with suppress(OSError, WebSocketException, TimeoutError, WireError):
                self.tries += 1
                async with connect(
                    f"ws{self.url.removeprefix('http')}/api/v1/builder",
                    additional_headers={"Authorization": f"Bearer {self.tokens[number]}"},
                    compression=None, ping_interval=None, open_timeout=PATIENCE, close_timeout=1, proxy=None,
                ) as socket:  # fmt: skip
                    await self._greet(socket, number)
                    self.here.add(number)
                    pauses.begin()
                    await self._listen(socket)
            self.here.discard(number)
            await asyncio.sleep(pauses.next())

    async def _greet(self, socket: ClientConnection, number: int) -> None:
        name = f"b{self.first + number}"
        hello = Hello(wire=WIRE_VERSION, name=name, platform=self.platform, version="1", instance=f"of {name}")
        begun = time.perf_counter()
        await socket.send(write_message(hello))
        async with asyncio.timeout(PATIENCE):
            message = read_message(await socket.recv(), from_builder=False)
        if not isinstance(message, Welcome):
            raise WireError("no welcome")
        self.welcomes.append(time.perf_counter() - begun)
        await socket.send(write_message(LatestCommit(platform=self.platform)))

    async def _listen(self, socket: ClientConnection) -> None:
        building: set[asyncio.Task[None]] = set()
        async for frame in socket:
            message = read_message(frame, from_builder=False)
            if isinstance(message, Ping):
                await socket.send(write_message(Pong(at=message.at, clock=time.time())))
            elif isinstance(message, Do) and message.order == "build" and self.pretence is not None:
                task = asyncio.create_task(self.pretence.build(socket, message))
                building.add(task)
                task.add_done_callback(building.discard)


def make_crowds(hooks: Sequence[str], tokens: Sequence[str], pretence: Pretence | None = None) -> list[Crowd]:
    """The builders shared out evenly over the hubs, which are named by where pushes go."""
    shares = [len(tokens) * number // len(hooks) for number in range(len(hooks) + 1)]
    return [
        Crowd(hook.removesuffix("/hooks/github"), tokens[first:last], first=first, pretence=pretence)
        for hook, first, last in zip(hooks, shares, shares[1:], strict=False)
    ]
