"""The door of builders: their WebSocket. What they say is heard by `hub.sessions`; their files go to `web.uploads`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from hubwright.errors import HubwrightError, RefusedError, WireError
from hubwright.hub.sessions import Sessions
from hubwright.store.database import is_outage
from hubwright.web.gate import Gate
from hubwright.web.site import Site
from hubwright.web.uploads import make_upload_routes
from hubwright.wire import Hello, read_message

HELLO_WITHIN = 10.0
"""Seconds in which a builder has to say hello."""

REFUSED, GOING_AWAY, TRY_AGAIN = 1008, 1001, 1013
"""WebSocket close codes, https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1."""

logger = structlog.get_logger()


class SocketChannel:
    """A WebSocket as `hub.sessions` wants it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._lock = asyncio.Lock()

    async def send(self, frame: str) -> None:
        """Send a text frame. Raises ConnectionError."""
        async with self._lock:
            if self._socket.application_state is not WebSocketState.CONNECTED:
                raise ConnectionError("the builder's connection has ended")
            try:
                await self._socket.send_text(frame)
            except (WebSocketDisconnect, RuntimeError) as error:
                raise ConnectionError("the builder's connection has ended") from error

    async def close(self, reason: str, code: int = GOING_AWAY) -> None:
        """End the connection; one that has ended already is fine."""
        async with self._lock:
            if self._socket.application_state is WebSocketState.CONNECTED:
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await self._socket.close(code, reason[:120])


def make_builder_routes(site: Site, gate: Gate, sessions: Sessions) -> list[BaseRoute]:
    """The routes of builders."""

    async def connect(socket: WebSocket) -> None:
        try:
            asker = await gate.require(socket, "builder")
        except RefusedError as error:
            await socket.close(REFUSED, str(error)[:120])
            return
        await socket.accept()
        channel = SocketChannel(socket)
        try:
            hello = await _read_hello(socket)
            await sessions.serve(hello, channel, asker.token_id, _frames(socket))
        except (WireError, RefusedError) as error:
            logger.warning("builder_refused", error=str(error))
            await channel.close(str(error), REFUSED)
        except WebSocketDisconnect:
            pass  # it went away before hello
        except Exception as error:
            if not is_outage(error) and not isinstance(error, OSError | HubwrightError):
                logger.exception("session_failed")
            logger.warning("session_ended", error=str(error).partition("\n")[0])
            await channel.close("the hub can't keep what it is told; connect again later", TRY_AGAIN)

    return [WebSocketRoute("/api/v1/builder", connect), *make_upload_routes(site, gate)]


async def _read_hello(socket: WebSocket) -> Hello:
    try:
        async with asyncio.timeout(HELLO_WITHIN):
            message = read_message(await socket.receive_text(), from_builder=True)
    except TimeoutError as error:
        raise WireError("no hello came") from error
    except KeyError as error:
        raise WireError("hello is a text frame") from error
    if not isinstance(message, Hello):
        raise WireError(f"{message.word} came before hello")
    return message


async def _frames(socket: WebSocket) -> AsyncIterator[str | bytes]:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        frame = message.get("bytes")
        yield frame if frame is not None else message["text"]
