"""Server-sent events, and a run's log as such: from any byte to the end, live, however slow the reader.

A `chunk` event's `id` is the byte offset behind it; its data is `{"text": …}`, or `{"base64": …}` where the bytes are
not UTF-8, so that every byte comes back as it was. `end` says that the run is over and all was sent; its data is
`{"state": …, "result": …}`. https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import base64
import codecs
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.responses import StreamingResponse

from hubwright.store.views import load_run
from hubwright.store.views_values import RunView
from hubwright.web.site import Site

CHUNK = 128 * 1024
"""Log bytes in one event, at most."""

MAX_EVENT = 256 * 1024
"""Bytes of one event's data, at most; what JSON would swell beyond it (control characters) goes as base64."""

PAUSE = 0.1
"""Seconds between two events of a log that is being written."""

HEARTBEAT = 15.0
"""Seconds of silence after which a comment shows that the stream lives."""

LOOK = 5.0
"""Seconds after which a waiting stream looks at the run's state by itself."""

STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
"""How OpenAPI tells of such a route."""

PING = b": ping\n\n"
RETRY = b"retry: 2000\n\n"
_FIRST_LOOK = 0.4  # after the last bytes: the log may have been closed, and its bell forgotten, while we sent them
_SHORTEST_LOOK = 0.02


class EventStream(StreamingResponse):
    """A response of events that no cache or proxy may hold back; it ends when the reader leaves."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
        super().__init__(events, headers=headers, media_type="text/event-stream")


def write_event(kind: str, data: bytes, number: int) -> bytes:
    """One event; `data` is JSON, so it has no newline."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (kind.encode(), number, data)


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


def write_chunk(chunk: bytes, end: int) -> bytes:
    """Log bytes as an event; `end` is the offset behind them."""
    try:
        data = orjson.dumps({"text": codecs.decode(chunk, "utf-8")})
    except UnicodeDecodeError:
        data = b""
    if not data or len(data) > MAX_EVENT:
        data = b'{"base64":"%s"}' % base64.b64encode(chunk)
    return write_event("chunk", data, end)


async def follow_log(site: Site, run: RunView, start: int) -> AsyncIterator[bytes]:
    """The events of the run's log from byte `start` on, until the run is finished and everything was sent.

    Only one chunk is held at a time; the sender waits for slow readers, the log does not.
    """
    yield RETRY
    follower = _Follower(site, run, start)
    while not follower.ended:
        async for event in follower.catch_up():
            yield event
        if not follower.ended and not await follower.wait():
            yield PING
    yield write_event("end", orjson.dumps({"state": follower.run.state, "result": follower.run.result}), follower.sent)


class _Follower:
    """How far one reader has come in one log."""

    def __init__(self, site: Site, run: RunView, start: int) -> None:
        self.run = run
        self.sent = start
        self.ended = False
        self._site = site
        self._seen = start  # what was looked at; half a character more than what was sent, at times
        self._mark = -1
        self._quiet_since = asyncio.get_running_loop().time()
        self._look = LOOK

    async def catch_up(self) -> AsyncIterator[bytes]:
        """Everything that is there and was not sent; `ended` is set when nothing more can come."""
        over = self.run.state == "finished"  # known before reading: whatever was written is in the file
        while block := self._read(over=over):
            chunk = cut_chunk(block, more=len(block) == CHUNK, over=over)
            if not chunk:
                break
            self.sent += len(chunk)
            yield write_chunk(chunk, self.sent)
            self._quiet_since = asyncio.get_running_loop().time()
            self._look = _FIRST_LOOK
            await asyncio.sleep(0 if len(block) == CHUNK else PAUSE)
        self.ended = over

    def _read(self, *, over: bool) -> bytes:
        if not over:
            self._mark = self._site.logs.count(self.run.id)
        block = self._site.logs.read(self.run.id, self.sent, CHUNK)
        self._seen = self.sent + len(block)
        return block

    async def wait(self) -> bool:
        """Until there may be more; False when the reader should be shown that the stream lives."""
        rang = await self._site.logs.wait(self.run.id, self._mark, self._look)
        if self._site.logs.size(self.run.id) > self._seen:
            return True
        # the bell without a byte: the log was closed, and the run's end is about to be committed
        self._look = _SHORTEST_LOOK if rang else min(self._look * 2, LOOK)
        self.run = await self._site.database.read(lambda connection: load_run(connection, self.run.id))
        now = asyncio.get_running_loop().time()
        if self.run.state == "finished" or now - self._quiet_since < HEARTBEAT:
            return True
        self._quiet_since = now
        return False
