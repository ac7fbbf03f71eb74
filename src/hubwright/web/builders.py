"""The doors of builders: their WebSocket, and the files that they keep. What they say is heard by `hub.sessions`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import PurePosixPath

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from hubwright.domain.artifacts import artifact_key
from hubwright.errors import HubwrightError, MalformedError, RefusedError, TooLargeError, UnprocessableError, WireError
from hubwright.hub.sessions import Sessions
from hubwright.store.artifacts import KeptFile, check_keeper, keep_artifact
from hubwright.store.database import is_outage
from hubwright.web.gate import Gate
from hubwright.web.site import Site
from hubwright.wire import Hello, read_message

HELLO_WITHIN = 10.0
"""Seconds in which a builder has to say hello."""

MAX_ARTIFACT = 4 * 1024 * 1024 * 1024
"""Bytes of one file."""

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

    async def keep_file(request: Request) -> Response:
        asker = await gate.require(request, "builder")
        run_id, path = int(request.path_params["run"]), check_path(request.path_params["path"])
        lease = read_number(request.headers, "x-hubwright-lease")
        keep = read_number(request.headers, "x-hubwright-keep") if "x-hubwright-keep" in request.headers else None
        keeper = await site.database.read(lambda connection: check_keeper(connection, run_id, lease, asker.token_id))
        counted = _Counted(request.stream())
        key = artifact_key(run_id, path)
        await site.storage.put(key, counted)
        digest = counted.digest.hexdigest()
        if request.headers.get("x-hubwright-sha256", digest) != digest:
            await site.storage.delete(key)
            raise MalformedError("The file did not arrive as it was sent: its SHA-256 differs. Send it again.")
        now = site.clock()
        expires = None if keep is None else now + keep
        file = KeptFile(path=path, size=counted.size, sha256=digest, kept_at=now, expires_at=expires)
        await site.database.write_soon(lambda connection: keep_artifact(connection, run_id, keeper, file))
        return JSONResponse({"path": path, "size": file.size, "sha256": digest}, 201)

    return [
        WebSocketRoute("/api/v1/builder", connect),
        Route("/api/v1/runs/{run:int}/artifacts/{path:path}", keep_file, methods=["PUT"]),
    ]


class _Counted:
    """A stream that is measured, bounded and hashed while it passes."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self.size = 0
        self.digest = sha256()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self.size += len(chunk)
            if self.size > MAX_ARTIFACT:
                raise TooLargeError(f"A file may have {MAX_ARTIFACT} bytes.")
            self.digest.update(chunk)
            if chunk:
                yield chunk


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


def check_path(path: str) -> str:
    """A file's path below the workspace: relative, without `..`, printable. Raises UnprocessableError."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or not path.isprintable() or len(path) > 1000:
        raise UnprocessableError(
            "The path of a file is relative, printable, without `..`, and has at most 1000 letters."
        )
    return PurePosixPath(path).as_posix()


def read_number(headers: Headers, name: str) -> int:
    """A header that is a whole number. Raises MalformedError."""
    text = headers.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise MalformedError(f"The header {name} is a whole number.")
    return int(text)
