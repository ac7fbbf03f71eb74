"""The small files in which kernels tell and are told, and folders by their strings.

Every run reads and writes dozens of them: `pathlib` and files for text would cost more than the kernel does.
"""

from __future__ import annotations

import os

_PIECE = 65_536
_CLOSED = getattr(os, "O_CLOEXEC", 0)


def read_whole(file: str) -> str:
    """All that it says now. Raises OSError."""
    descriptor = os.open(file, os.O_RDONLY | _CLOSED)
    try:
        said = b""
        while piece := os.read(descriptor, _PIECE):
            said += piece
        return said.decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def write_whole(file: str, text: str) -> None:
    """Say it all at once. Raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _CLOSED, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def make_folder(path: str) -> None:
    """It may be there. Raises OSError."""
    try:
        os.mkdir(path)  # noqa: PTH102  a string
    except FileExistsError:
        return
