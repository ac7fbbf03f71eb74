"""Files that hold a secret of their run: they must not leave the machine (S17, S21)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hubwright.builder.upload import open_file

SCANNED = 32 * 1024 * 1024
"""Bytes of a file that are looked through."""

_PIECE = 1024 * 1024
_OVERLAP = 512  # more than any form of a secret


def holds_secret(file: Path, hides: Callable[[bytes], bool]) -> bool:
    """Whether `hides`, which tells of bytes whether a secret is in them, is true for a part. Raises OSError."""
    before = b""
    with open_file(file) as content:
        for _ in range(SCANNED // _PIECE):
            piece = content.read(_PIECE)
            if hides(before + piece):
                return True
            if len(piece) < _PIECE:
                break
            before = piece[-_OVERLAP:]
    return False
