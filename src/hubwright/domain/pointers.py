"""JSON pointers: where in a document something stands. https://www.rfc-editor.org/rfc/rfc6901"""

from __future__ import annotations

from collections.abc import Iterable


def write_pointer(parts: Iterable[str | int]) -> str:
    """The pointer to what these keys and positions lead to; "" is the whole document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def read_pointer(pointer: str) -> tuple[str, ...]:
    """The keys and positions, as text, that `write_pointer` has joined."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
