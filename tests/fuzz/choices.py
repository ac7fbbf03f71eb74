"""Bytes of a fuzzer as decisions, so that one byte more or less changes little of what is made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

NUMBERS: tuple[Any, ...] = (0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 0.5, 1e308, -0.0)
TEXTS = (
    "", "\0", "a\0b", "\n", "\r\nQUIT", "../../x", "/etc/passwd", "-rf", "--upload-pack=x", "$(id)", "a" * 300,
    "é" * 150,
    "\u202eevil", "\ufeff", "🐛", "<script>", "javascript:1", "%00", "0" * 40, "refs/heads/\x7f", "CON", "null",
    "2024-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "1e999", "NaN", "١٢", "\x1b[31m",
)  # fmt: skip
VALUES: tuple[Any, ...] = (None, True, False, *NUMBERS, *TEXTS, [], {}, [[]], [None], {"id": None}, {"": ""})
"""What stands where something else is expected."""


class Choices:
    """Takes decisions from bytes; when they are used up, each is the first choice."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that no decision has used."""
        return max(0, len(self._data) - self._at)

    def number(self, below: int) -> int:
        """A number from nought on, of one byte, or two where one is too few."""
        size = 1 if below <= 256 else 2
        return int.from_bytes(self.take(size).ljust(size, b"\0"), "little") % below

    def one(self, things: Sequence[T]) -> T:
        """One of them."""
        return things[self.number(len(things))]

    def take(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)


def spoil(tree: Any, choices: Choices, most: int = 12) -> Any:
    """A copy of a JSON document with some of its places changed: dropped, doubled, or something else there."""
    tree = json.loads(json.dumps(tree))
    for _ in range(most):
        if not choices.left:
            break
        tree = _spoil_once(tree, choices)
    return tree


def _spoil_once(tree: Any, choices: Choices) -> Any:
    """Walk down by decisions; what is there then is changed."""
    place: Any = None
    node, key = tree, None
    for _ in range(choices.number(8) + 1):
        keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
        if not keys:
            break
        place, key = node, choices.one(keys)
        node = place[key]
    if place is None:
        return choices.one(VALUES)
    _change(place, key, choices)
    return tree


def _change(place: Any, key: Any, choices: Choices) -> None:
    match choices.number(6):
        case 0:
            del place[key]
        case 1 if isinstance(place[key], str):
            place[key] = place[key] + choices.one(TEXTS)
        case 2 if isinstance(place[key], str):
            place[key] = choices.take(choices.number(40)).decode("utf-8", "replace")
        case 3:
            place[key] = [place[key]] * (choices.number(3) + 1)
        case 4 if isinstance(place, dict):
            place[choices.one(TEXTS)] = place.pop(key)
        case _:
            place[key] = json.loads(json.dumps(choices.one(VALUES)))
