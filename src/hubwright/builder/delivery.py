"""One run's spool, sent over one connection: log bytes by offset, and each message after the bytes it comes after."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hubwright.builder.spool import Spool, Waiting
from hubwright.wire import WIRE_VERSION, Event, Message, Output, read_message, write_message, write_output

FRAME = 64 * 1024
"""Most log bytes of a binary frame."""

WINDOW = 4 * 1024 * 1024
"""Most log bytes of a run that are under way without acknowledgement."""

_LINGER = 0.05  # seconds that slow output is gathered for, after the first bytes

Send = Callable[[str | bytes], Awaitable[None]]


class Delivery:
    """Sends from where the hub is, until the hub has all of a finished run or the spool is closed."""

    def __init__(self, spool: Spool, send: Send, wire: int = WIRE_VERSION) -> None:
        self._spool = spool
        self._wire = wire
        self._send = send
        self._seq = spool.acked_seq
        self._log = spool.acked_log
        self._sent_at = float("-inf")

    async def run(self) -> None:
        """Send whatever there is to send, for as long as there can be more."""
        spool = self._spool
        while not (spool.closed or spool.delivered):
            spool.news.clear()
            message = spool.next_message(self._seq)
            until = spool.log_size if message is None else message.log
            room = min(until - self._log, spool.acked_log + WINDOW - self._log)
            if room > 0:
                if message is None and room < FRAME and await self._lingered():
                    continue
                await self._send_output(min(room, FRAME))
            elif message is not None and self._log >= message.log:
                await self._send(message.frame if self._wire == WIRE_VERSION else fit_message(message, self._wire))
                self._seq = message.seq
            else:
                await spool.news.wait()

    async def _lingered(self) -> bool:
        """Whether it waited, to let slow output gather; the first bytes after a silence don't wait."""
        left = self._sent_at + _LINGER - asyncio.get_running_loop().time()
        if left <= 0:
            return False
        try:
            async with asyncio.timeout(left):
                while not self._pressing():
                    self._spool.news.clear()
                    await self._spool.news.wait()
        except TimeoutError:
            pass
        return True

    def _pressing(self) -> bool:
        spool = self._spool
        return spool.closed or spool.next_message(self._seq) is not None or spool.log_size - self._log >= FRAME

    async def _send_output(self, size: int) -> None:
        run, lease = self._spool.key
        data = self._spool.read_log(self._log, size)
        await self._send(write_output(Output(run, lease, self._log, data)))
        self._log += len(data)
        self._sent_at = asyncio.get_running_loop().time()


def fit_message(waiting: Waiting, wire: int) -> str:
    """The message for a hub of an older version: one that it does not know becomes an event of the same number.

    Numbers have no gaps, so it can't be left out.
    """
    message: Message = read_message(waiting.frame, from_builder=True)
    if message.since <= wire:
        return waiting.frame
    run, lease = (getattr(message, name) for name in ("run", "lease"))
    at = getattr(message, "at", 0.0)
    return write_message(Event(run=run, lease=lease, seq=waiting.seq, at=at, event=message.word))
