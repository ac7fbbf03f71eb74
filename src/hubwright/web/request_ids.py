"""An id for each request: in all that is logged while it is answered, and in the answer's header `X-Request-Id`."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from random import getrandbits
from typing import Any

from starlette.types import Scope, Send

HEADER = b"x-request-id"

_PLAIN = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def identify(scope: Scope, send: Send) -> tuple[str, Send]:
    """The id that a proxy has given, else a new one; and a `send` that tells it."""
    number = b""
    for name, value in scope["headers"]:
        if name == HEADER:
            number = value if _PLAIN.fullmatch(value) else b""
            break
    # no secret; `urandom` lets other threads go first, and while many requests come this one waits for its turn again
    number = number or b"%016x" % getrandbits(64)

    async def send_on(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (HEADER, number)]
        await send(message)

    return number.decode(), send_on
