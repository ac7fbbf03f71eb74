"""An id for each request: in all that is logged while it is answered, and in the answer's header `X-Request-Id`."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from uuid import uuid4

from starlette.types import Scope, Send

HEADER = b"x-request-id"

_PLAIN = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def identify(scope: Scope, send: Send) -> tuple[str, Send]:
    """The id that a proxy has given, else a new one; and a `send` that tells it."""
    given = next((value for name, value in scope["headers"] if name == HEADER), b"")
    number = given if _PLAIN.fullmatch(given) else uuid4().hex[:16].encode()

    async def send_on(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (HEADER, number)]
        await send(message)

    return number.decode(), send_on
