"""`ETag` and 304 for what the API answers in one piece: a reader who has it already is not sent it again.

https://www.rfc-editor.org/rfc/rfc9110#name-etag
"""

from __future__ import annotations

from hashlib import blake2b

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/api/v1/"


class ETags:
    """Around the doors. Answers that have a tag of their own, streams and all that is no JSON pass."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match")
        held: Message | None = None

        async def send_tagged(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _takes_tag(message):
                held = message
                return
            if held is not None:
                start, held = held, None
                if not message.get("more_body", False):
                    message = _tag(start, message, known)
                await send(start)
            await send(message)

        await self._app(scope, receive, send_tagged)


def _takes_tag(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return start["status"] == 200 and headers.get("content-type") == "application/json" and "etag" not in headers


def _tag(start: Message, body: Message, known: str | None) -> Message:
    """Give the answer its tag, in place; its body, or none where the asker has it."""
    tag = f'"{blake2b(body.get("body", b""), digest_size=16).hexdigest()}"'
    headers = MutableHeaders(raw=start["headers"])
    headers["ETag"], headers["Cache-Control"] = tag, "private, no-cache"
    if known is None or not ({one.strip().removeprefix("W/") for one in known.split(",")} & {tag, "*"}):
        return body
    start["status"] = 304
    del headers["content-length"], headers["content-type"]
    return {"type": "http.response.body", "body": b"", "more_body": False}
