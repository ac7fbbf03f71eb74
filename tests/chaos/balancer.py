"""What stands before the hubs: a balancer of TCP, as haproxy with `option httpchk GET /readyz`, in a thread."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Sequence
from contextlib import suppress

from server_programs import free_port

_CHUNK = 65_536
CHECK_EVERY, CHECK_PATIENCE = 0.5, 2.0
"""Seconds between two looks whether a hub is ready, and for its answer."""


class Balancer:
    """Gives each connection to the next hub that is ready; when none is, to any (Envoy calls it panic).

    A connection stays with its hub while that is there, ready or not.
    """

    def __init__(self, host: str, targets: Sequence[int]) -> None:
        self.host = host
        self.port = free_port()
        self._turns = itertools.cycle(targets)
        self._ready = dict.fromkeys(targets, False)
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._begun.wait()

    @property
    def url(self) -> str:
        """Where everybody finds the installation."""
        return f"http://{self.host}:{self.port}"

    def cut(self) -> None:
        """End every connection at once."""
        self._loop.call_soon_threadsafe(self._cut)

    def close(self) -> None:
        """It is gone."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._loop.close()

    def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())

    async def _listen(self) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._carry, self.host, self.port)
        checks = [asyncio.create_task(self._check(target)) for target in self._ready]
        self._begun.set()
        async with server:
            await self._ended.wait()
            self._cut()
        for check in checks:
            check.cancel()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    async def _check(self, target: int) -> None:
        while True:
            self._ready[target] = await self._is_ready(target)
            await asyncio.sleep(CHECK_EVERY)

    async def _is_ready(self, target: int) -> bool:
        try:
            async with asyncio.timeout(CHECK_PATIENCE):
                reader, writer = await asyncio.open_connection("127.0.0.1", target)
                try:
                    writer.write(b"GET /readyz HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
                    return b" 200 " in await reader.readline()
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError):
            return False

    def _next(self) -> int:
        for target in itertools.islice(self._turns, len(self._ready)):
            if self._ready[target]:
                return target
        return next(self._turns)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = self._next()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            self._ready[target] = False
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                self._open.discard(end)
                end.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()
