"""A run's log as one reader follows it: from any byte to the end, live, however slow the reader.

Only one chunk is held at a time; the sender waits for slow readers, the log does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from hubwright.store.views import load_run
from hubwright.store.views_values import RunView
from hubwright.web.site import Site

CHUNK = 128 * 1024
"""Log bytes in one message, at most."""

PAUSE = 0.1
"""Seconds between two messages of a log that is being written."""

LOOK = 5.0
"""Seconds after which a waiting reader looks at the run's state by itself."""

_FIRST_LOOK = 0.4  # after the last bytes: the log may have been closed, and its bell forgotten, while we sent them
_SHORTEST_LOOK = 0.02


class Chunk(NamedTuple):
    """Log bytes, and the offset behind them."""

    data: bytes
    end: int


def cut_chunk(block: bytes, *, more: bool, over: bool) -> bytes:
    """The part of `block` to send now: whole lines where `more` follows, whole characters unless the log is `over`."""
    if more and (end := block.rfind(b"\n") + 1):
        return block[:end]
    if over and not more:
        return block
    for length in range(1, min(4, len(block)) + 1):
        first = block[-length]
        if first & 0xC0 != 0x80:  # the last character's first byte
            whole = length >= (1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4)
            return block if whole or first >= 0xF8 else block[:-length]
    return block


class Follower:
    """How far one reader has come in one log. `pause` is the least time between two chunks, in seconds."""

    def __init__(self, site: Site, run: RunView, start: int, pause: float = PAUSE) -> None:
        self.run = run
        self.sent = start
        self.ended = False
        self.pause = pause
        self._site = site
        self._seen = start  # what was looked at; half a character more than what was sent, at times
        self._mark = -1
        self._look = LOOK

    async def catch_up(self) -> AsyncIterator[Chunk]:
        """Everything that is there and was not sent; `ended` is set when nothing more can come."""
        over = self.run.state == "finished"  # known before reading: whatever was written is in the file
        whole = await self._site.copies.bring(self.run.id, growing=not over)
        while block := self._read(over=over):
            data = cut_chunk(block, more=len(block) == CHUNK, over=over)
            if not data:
                break
            self.sent += len(data)
            yield Chunk(data, self.sent)
            self._look = _FIRST_LOOK
            await asyncio.sleep(0 if len(block) == CHUNK else self.pause)
        self.ended = over and whole

    def _read(self, *, over: bool) -> bytes:
        if not over:
            self._mark = self._site.logs.count(self.run.id)
        block = self._site.logs.read(self.run.id, self.sent, CHUNK)
        self._seen = self.sent + len(block)
        return block

    async def wait(self) -> None:
        """Until there may be more to send, at most `LOOK` seconds."""
        rang = await self._site.logs.wait(self.run.id, self._mark, self._look)
        if self._site.logs.size(self.run.id) > self._seen:
            return
        # the bell without a byte: the log was closed, and the run's end is about to be committed
        self._look = _SHORTEST_LOOK if rang else min(self._look * 2, LOOK)
        self.run = await self._site.database.read(lambda connection: load_run(connection, self.run.id))
