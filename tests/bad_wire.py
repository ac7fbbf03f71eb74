"""A TCP proxy between a builder and its hub, in a thread: it can cut, swallow, dribble and stall, and change hubs."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

UP, DOWN = "up", "down"
"""From the builder to the hub, and back."""

_CHUNK = 65_536


class BadWire:
    """Passes on what comes at `port` to `target`, as badly as it is told to."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.connections = 0
        self.swallow: frozenset[str] = frozenset()
        self.bytes_a_second: float | None = None
        self.stalls = 0.0
        self._lost = False
        self._chance = random.Random(1)
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Where a builder finds it."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """End every connection, both ways."""
        self._loop.call_soon_threadsafe(self._cut)

    def heal(self) -> None:
        """Be a good wire again; a connection that has lost bytes can't go on."""
        self.swallow, self.bytes_a_second, self.stalls = frozenset(), None, 0.0
        if self._lost:
            self._lost = False
            self.cut()

    def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ended = asyncio.Event()
        self._ready.set()
        async with server:
            await self._ended.wait()
            self._cut()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer, UP)),
            asyncio.ensure_future(self._pump(far_reader, writer, DOWN)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._open -= ends
            for end in ends:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if way in self.swallow:
                    self._lost = True
                    continue
                if self._chance.random() < self.stalls:
                    await asyncio.sleep(0.3)
                await self._pass_on(writer, data)

    async def _pass_on(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        while data:
            size = len(data) if self.bytes_a_second is None else max(1, int(self.bytes_a_second / 20))
            writer.write(data[:size])
            await writer.drain()
            data = data[size:]
            if data:
                await asyncio.sleep(0.05)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._loop.close()


@contextmanager
def bad_wire(target: int) -> Iterator[BadWire]:
    """A wire to this port of 127.0.0.1; gone at the end."""
    wire = BadWire(target)
    wire._thread.start()
    wire._ready.wait()
    try:
        yield wire
    finally:
        wire._end()
