"""Which files below a folder hold a word, also while somebody clears the folder away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def files_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Each ordinary file with its bytes; what vanishes meanwhile is left out (`os.walk` forgives it, not `rglob`)."""
    for place, _, names in os.walk(folder):
        for file in (Path(place, name) for name in names):
            with suppress(OSError):
                if file.is_file() and not file.is_symlink():
                    yield file, file.read_bytes()


def files_with(folder: Path, *words: bytes) -> list[tuple[Path, bytes]]:
    """The files below the folder that hold one of the words, each with the word."""
    return [(file, word) for file, content in files_below(folder) for word in words if word in content]
