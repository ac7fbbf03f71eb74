"""The door of builders: their WebSocket. What they say is heard by `hub.sessions`; their files go to `web.uploads`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator

import structlog
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from hubwright.errors import HubwrightError, RefusedError, WireError
from hubwright.hub.sessions import Sessions
from hubwright.store.writers import is_outage
from hubwright.web.gate import Gate
from hubwright.web.site import Site
from hubwright.web.uploads import make_upload_routes
from hubwright.wire import Hello, read_message

HELLO_WITHIN = 10.0
"""Seconds in which a builder has to say hello."""

TAKEN_WITHIN = 5.0
"""Seconds in which a builder has to take what it is told, once all buffers are full; then its connection is given up.

Whoever tells it (the scheduler tells all builders) must not wait for one that is frozen.
"""

REFUSED, GOING_AWAY, TRY_AGAIN = 1008, 1001, 1013
"""WebSocket close codes, https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1."""

logger = structlog.get_logger()


class SocketChannel:
    """A WebSocket as `hub.sessions` wants it. `serving` is ended when the builder takes nothing any more."""

    def __init__(self, socket: WebSocket, serving: asyncio.Timeout) -> None:
        self._socket = socket
        self._serving = serving
        self._lock = asyncio.Lock()
        self._given_up = False

    async def send(self, frame: str) -> None:
        """Send a text frame. Raises ConnectionError, at the latest after `TAKEN_WITHIN`."""
        try:
            async with asyncio.timeout(TAKEN_WITHIN), self._lock:
                if self._given_up or self._socket.application_state is not WebSocketState.CONNECTED:
                    raise ConnectionError("the builder's connection has ended")
                await self._socket.send_text(frame)
        except TimeoutError as error:
            self._give_up()
            raise ConnectionError("the builder does not take what it is told") from error
        except (WebSocketDisconnect, RuntimeError) as error:
            raise ConnectionError("the builder's connection has ended") from error

    async def close(self, reason: str, code: int = GOING_AWAY) -> None:
        """End the connection; one that has ended already is fine."""
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            try:
                async with asyncio.timeout(TAKEN_WITHIN), self._lock:
                    if not self._given_up and self._socket.application_state is WebSocketState.CONNECTED:
                        await self._socket.close(code, reason[:120])
            except TimeoutError:
                self._give_up()

    def _give_up(self) -> None:
        """A frame is lost, so none may follow it; the serving of this builder ends with a TimeoutError."""
        self._given_up = True
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._serving.reschedule(asyncio.get_running_loop().time())


def make_builder_routes(site: Site, gate: Gate, sessions: Sessions) -> list[BaseRoute]:
    """The routes of builders."""

    async def connect(socket: WebSocket) -> None:
        try:
            asker = await gate.require(socket, "builder")
        except RefusedError as error:
            await socket.close(REFUSED, str(error)[:120])
            return
        await socket.accept()
        try:
            async with asyncio.timeout(None) as serving:
                await _serve(sessions, socket, SocketChannel(socket, serving), asker.token_id)
        except TimeoutError:
            logger.warning("session_ended", error="the builder did not take what it was told")

    return [WebSocketRoute("/api/v1/builder", connect), *make_upload_routes(site, gate)]


async def _serve(sessions: Sessions, socket: WebSocket, channel: SocketChannel, token_id: int | None) -> None:
    try:
        hello = await _read_hello(socket)
        await sessions.serve(hello, channel, token_id, _frames(socket))
    except (WireError, RefusedError) as error:
        logger.warning("builder_refused", error=str(error))
        await channel.close(str(error), REFUSED)
    except WebSocketDisconnect:
        pass  # it went away before hello
    except Exception as error:
        if not is_outage(error) and not isinstance(error, OSError | HubwrightError):
            logger.exception("session_failed")
        logger.warning("session_ended", error=_explain(error))
        await channel.close("the hub can't keep what it is told; connect again later", TRY_AGAIN)


def _explain(error: Exception) -> str:
    """Why a session ended, in a line for the operator."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The disk of the hub's logs is full: make space. Until then builders keep what they have to tell."
    return str(error).partition("\n")[0]


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
