"""Files that hold a secret of their run: they must not leave the machine (S17, S21)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from hubwright.builder.packed import BROKEN, open_packed

SCANNED = 32 * 1024 * 1024
"""Bytes of a file that are looked through."""

EXPANDED = 128 * 1024 * 1024
"""Bytes that are looked through of what is packed in a file."""

_PIECE = 1024 * 1024
_OVERLAP = 512  # more than any form of a secret

Hides = Callable[[bytes], bool]
"""Tells of bytes whether a secret is in them."""


def holds_secret(content: BinaryIO, hides: Hides) -> bool:
    """Whether a secret is in a file as it is, or in what an archive or compressed file has in it. Raises OSError."""
    if _looks_bad(_pieces(content), hides, SCANNED)[0]:
        return True
    left = EXPANDED
    try:
        for stream in open_packed(content):
            bad, left = _looks_bad(stream, hides, left)
            if bad or left <= 0:
                return bad
    except BROKEN:
        return False  # what nobody can unpack was looked through as it is
    return False


def _looks_bad(pieces: Iterable[bytes], hides: Hides, most: int) -> tuple[bool, int]:
    """Whether there is a secret in the first `most` bytes, and how many of those are left."""
    before = b""
    for piece in pieces:
        if hides(before + piece):
            return True, most
        before = (before + piece)[-_OVERLAP:]
        most -= len(piece)
        if most <= 0:
            break
    return False, most


def _pieces(content: BinaryIO) -> Iterator[bytes]:
    while piece := content.read(_PIECE):
        yield piece
