"""Server-sent events, and a run's log as such: from any byte to the end, live, however slow the reader.

A `chunk` event's `id` is the byte offset behind it; its data is `{"text": …}`, or `{"base64": …}` where the bytes are
not UTF-8, so that every byte comes back as it was. `end` says that the run is over and all was sent; its data is
`{"state": …, "result": …}`. https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import base64
import codecs
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hubwright.errors import RefusedError
from hubwright.hub.bell import STOPPING, Bell
from hubwright.store.views_values import RunView
from hubwright.web.following import Follower
from hubwright.web.site import Site

MAX_EVENT = 256 * 1024
"""Bytes of one event's data, at most; what JSON would swell beyond it (control characters) goes as base64."""

HEARTBEAT = 15.0
"""Seconds of silence after which a comment shows that the stream lives."""

CHECKED_EVERY = 15.0
"""Seconds after which it is looked at again whether the reader may still read."""

STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
"""How OpenAPI tells of such a route."""

Check = Callable[[Request], Awaitable[None]]
"""Raises RefusedError when who asks may not read any more: `Gate.check_reader`."""

PING = b": ping\n\n"
RETRY = b"retry: 2000\n\n"


class EventStream(StreamingResponse):
    """A response of events that no cache or proxy may hold back. It ends when the reader leaves, or may no longer
    read: `check` raises RefusedError then, and the last event is `refused`, with `{"status": …, "detail": …}`.
    It also ends when `bell` rings that the hub stops: the reader goes on at another hub, or at its next start.

    `events` give something every `HEARTBEAT` seconds at the latest.
    """

    def __init__(self, events: AsyncGenerator[bytes], request: Request, check: Check, bell: Bell) -> None:
        self._bell = bell
        self._is_whole = self._is_cut = False
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
        told = _while_allowed(events, lambda: check(request))
        super().__init__(told, headers=headers, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until there are no more, or nobody wants them here."""
        await super().__call__(scope, receive, send)
        if self._is_cut and not self._is_whole:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def stream_response(self, send: Send) -> None:
        """The events."""
        await super().stream_response(send)
        self._is_whole = True

    async def listen_for_disconnect(self, receive: Receive) -> None:
        """Until the reader leaves or the hub stops."""
        leaving = asyncio.ensure_future(super().listen_for_disconnect(receive))
        stopping = asyncio.ensure_future(self._bell.hear(STOPPING))
        try:
            await asyncio.wait({leaving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._is_cut = stopping.done()
        finally:
            leaving.cancel()
            stopping.cancel()


async def _while_allowed(events: AsyncGenerator[bytes], check: Callable[[], Awaitable[None]]) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    checked_at = clock()
    async with aclosing(events):
        async for event in events:
            if clock() - checked_at >= CHECKED_EVERY:
                try:
                    await check()
                except RefusedError as refused:
                    data = orjson.dumps({"status": refused.status, "detail": str(refused)})
                    yield b"event: refused\ndata: %s\n\n" % data
                    return
                checked_at = clock()
            yield event


def write_event(kind: str, data: bytes, number: int) -> bytes:
    """One event; `data` is JSON, so it has no newline."""
    return b"event: %s\nid: %d\ndata: %s\n\n" % (kind.encode(), number, data)


def write_content(chunk: bytes, fields: dict[str, Any]) -> bytes:
    """Log bytes as a JSON object, beside `fields`: `text`, or `base64` where that is not possible or far longer."""
    try:
        data = orjson.dumps({**fields, "text": codecs.decode(chunk, "utf-8")})
    except UnicodeDecodeError:
        data = b""
    if not data or len(data) > MAX_EVENT:
        data = orjson.dumps({**fields, "base64": base64.b64encode(chunk).decode()})
    return data


def write_chunk(chunk: bytes, end: int) -> bytes:
    """Log bytes as an event; `end` is the offset behind them."""
    return write_event("chunk", write_content(chunk, {}), end)


async def follow_log(site: Site, run: RunView, start: int) -> AsyncGenerator[bytes]:
    """The events of the run's log from byte `start` on, until the run is finished and everything was sent."""
    yield RETRY
    clock = asyncio.get_running_loop().time
    quiet_since = clock()
    follower = Follower(site, run, start)
    while not follower.ended:
        async for chunk in follower.catch_up():
            yield write_chunk(chunk.data, chunk.end)
            quiet_since = clock()
        if follower.ended:
            break
        await follower.wait()
        if clock() - quiet_since >= HEARTBEAT and follower.run.state != "finished":
            yield PING
            quiet_since = clock()
    yield write_event("end", orjson.dumps({"state": follower.run.state, "result": follower.run.result}), follower.sent)
