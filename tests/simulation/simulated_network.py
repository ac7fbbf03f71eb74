"""Connections between builders and hubs: frames take their time, arrive in order, and may be held up or cut off."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from contextvars import Context
from random import Random
from typing import Any

from hubwright.web.builders import TAKEN_WITHIN
from simulation.virtual_time import Process, VirtualLoop

Frame = str | bytes

ROOM = 48
"""Frames of one direction that the system's buffers take; then the sender waits."""


class Flow:
    """One direction of a connection."""

    def __init__(self, loop: VirtualLoop, chance: Random, receiver: Process) -> None:
        self._loop = loop
        self._chance = chance
        self._receiver = receiver
        self._on_way: deque[tuple[float, Frame | None]] = deque()
        self._arrived: deque[Frame | None] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._last = 0.0
        self.holds = False  # a black hole: nothing arrives until it is healed
        self.lost = False  # one that nothing heals
        self.broken = False

    async def send(self, frame: Frame | None) -> None:
        """Raises ConnectionError when the connection is known to be broken."""
        while len(self._on_way) + len(self._arrived) >= ROOM and not self.broken:
            self._room.clear()
            await self._room.wait()
        self.put(frame)

    def put(self, frame: Frame | None) -> None:
        """Send without waiting for room."""
        if self.broken:
            raise ConnectionError("the connection was reset")
        slow = 40 if self._chance.random() < 0.03 else 1
        self._last = max(self._last, self._loop.now + slow * self._chance.uniform(0.001, 0.05))
        self._on_way.append((self._last, frame))
        self._loop.call_at(self._last, self._arrive, context=Context())  # the network outlives the sender

    def _arrive(self) -> None:
        if self.holds or self.lost or self.broken:
            return
        while self._on_way and self._on_way[0][0] <= self._loop.now + 1e-9:
            self._arrived.append(self._on_way.popleft()[1])
        self._news.set()

    def heal(self) -> None:
        """What was held arrives now, as after TCP's retransmission."""
        self.holds = False
        self._arrive()

    def reset(self) -> None:
        """What is on its way is lost; both ends notice at their next word."""
        self.broken = True
        self._on_way.clear()
        self._arrived.clear()
        self._news.set()
        self._room.set()

    async def receive(self) -> Frame | None:
        """The next frame; None: the other end has closed. Raises ConnectionError when the connection was reset."""
        while not self._arrived:
            if self.broken:
                raise ConnectionError("the connection was reset")
            self._news.clear()
            await self._news.wait()
        frame = self._arrived.popleft()
        self._room.set()
        return frame


class Line:
    """A connection of a builder to a hub, seen from the world; `up` goes to the hub."""

    def __init__(self, loop: VirtualLoop, chance: Random, builder: Process, hub: Process) -> None:
        self._loop = loop
        self._chance = chance
        self.builder = builder
        self.hub = hub
        self.up = Flow(loop, chance, hub)
        self.down = Flow(loop, chance, builder)

    @property
    def over(self) -> bool:
        """Whether nothing can come any more."""
        return self.up.broken and self.down.broken

    def reset(self) -> None:
        """Cut it; what the builder had sent already may still arrive."""
        if self._chance.random() < 0.5 and not self.up.broken:
            self.up.put(None)
            self._loop.call_later(3, self.up.reset, context=Context())
        else:
            self.up.reset()
        self.down.reset()

    def end_soon(self) -> None:
        """The closing handshake: answered by the other end, or given up after 10 s."""
        self._loop.call_later(self._chance.choice((0.1, 0.5, 10.0)), self.reset, context=Context())

    def hang_up(self) -> None:
        """The builder closes: the hub hears it after all that was said."""
        with suppress(ConnectionError):
            self.up.put(None)
        self.end_soon()


class BuilderSocket:
    """The builder's end, with what `builder.connection` uses of a WebSocket."""

    def __init__(self, line: Line, witness: Any, heard: list[str]) -> None:
        self._line = line
        self._witness = witness
        self._heard = heard

    async def send(self, frame: Frame) -> None:
        """Raises ConnectionError."""
        self._witness(frame)
        await self._line.up.send(frame)

    async def recv(self) -> str:
        """Raises ConnectionError."""
        frame = await self._line.down.receive()
        if frame is None:
            raise ConnectionError("the hub has closed the connection")
        assert isinstance(frame, str)
        self._heard.append(frame)
        return frame


class HubChannel:
    """The hub's end, as `hub.session.Channel` wants it: like `web.builders.SocketChannel`, one sends at a time.

    A builder that takes nothing for `TAKEN_WITHIN` is given up.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._lock = asyncio.Lock()
        self.closed = False

    async def send(self, frame: str) -> None:
        """Raises ConnectionError."""
        try:
            async with asyncio.timeout(TAKEN_WITHIN), self._lock:
                if self.closed:
                    raise ConnectionError("the builder's connection has ended")
                await self._line.down.send(frame)
        except TimeoutError as error:
            self._give_up()
            raise ConnectionError("the builder takes nothing") from error

    async def close(self, reason: str) -> None:  # noqa: ARG002  nobody reads it
        """End the connection; one that has ended already is fine."""
        with suppress(ConnectionError):
            try:
                async with asyncio.timeout(TAKEN_WITHIN), self._lock:
                    if not self.closed:
                        self.closed = True
                        await self._line.down.send(None)
                        self._line.end_soon()
            except TimeoutError:
                self._give_up()

    def _give_up(self) -> None:
        self.closed = True
        self._line.up.reset()

    async def receive(self) -> Frame | None:
        """The next frame; None at the end."""
        try:
            return await self._line.up.receive()
        except ConnectionError:
            return None

    async def frames(self) -> AsyncIterator[Frame]:
        """All of them."""
        while (frame := await self.receive()) is not None:
            yield frame
