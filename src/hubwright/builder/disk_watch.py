"""The bound on a run's files: looked at again and again, because most machines have no quotas for folders."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

EVERY = 1.0
"""Seconds between two looks at small trees."""

_SHARE = 0.02  # of one processor's time, what looking may take: large trees are looked at less often
_LEAST = 1024  # bytes that even an empty file costs


class DiskWatch:
    """Looks at a folder until it has more than `most` bytes, then calls `full` once, in the event loop.

    `elsewhere` tells bytes that the run has taken outside of the folder; it is called in a thread.
    """

    def __init__(self, folder: Path, most: int, full: Callable[[], None], elsewhere: Callable[[], int]) -> None:
        self._folder = folder
        self._most = most
        self._full = full
        self._elsewhere = elsewhere
        self._ended = False

    async def keep(self) -> None:
        """Look until there is too much, or until cancelled."""
        pause = EVERY
        try:
            while True:
                await asyncio.sleep(pause)
                began = monotonic()
                if await asyncio.to_thread(self._is_too_much):
                    self._full()
                    return
                pause = max(EVERY, (monotonic() - began) / _SHARE)
        finally:
            self._ended = True

    def _is_too_much(self) -> bool:
        taken = self._elsewhere()
        for size in _sizes(self._folder):
            taken += size
            if taken > self._most or self._ended:
                break
        return taken > self._most


def measure(folder: Path) -> int:
    """Bytes on disk that the files below the folder take: holes nothing, hard links once; links are not followed."""
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    seen: set[tuple[int, int]] = set()
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    yield _size_of(entry, seen)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # the build deletes and moves meanwhile
            continue


def _size_of(entry: os.DirEntry[str], seen: set[tuple[int, int]]) -> int:
    """Nought for a further name of a file that was counted."""
    found = entry.stat(follow_symlinks=False)
    blocks: int | None = getattr(found, "st_blocks", None)  # Windows has none
    size = max(found.st_size if blocks is None else blocks * 512, _LEAST)
    if found.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
        key = (found.st_dev, found.st_ino)
        if key in seen:
            return 0
        seen.add(key)
    return size
