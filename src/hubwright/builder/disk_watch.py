"""The bound on a run's files: looked at again and again, because most machines have no quotas for folders."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

EVERY = 1.0
"""Seconds between two looks at small trees."""

_SHARE = 0.02  # of one processor's time, what looking may take: large trees are looked at less often
_OWN_FILES = "/proc/self/fd"  # where Linux has a short path for every open folder
_FAR = 3000  # characters of a path; Linux takes 4095, and a name has up to 255
_FURTHEST = 50  # times as long

_LEAST = 1024  # bytes that even an empty file costs


class DiskWatch:
    """Looks at a folder until it has more than `most` bytes, then calls `full` once, in the event loop.

    `elsewhere` tells bytes that the run has taken outside of the folder; it is called in a thread. A daemon may take
    long to tell them, so the folder does not wait for that.
    """

    def __init__(self, folder: Path, most: int, full: Callable[[], None], elsewhere: Callable[[], int]) -> None:
        self._folder = folder
        self._most = most
        self._full = full
        self._elsewhere = elsewhere
        self._taken_elsewhere = 0
        self._ended = False

    async def keep(self) -> None:
        """Look until there is too much, or until cancelled; for the first time at once."""
        looks = [asyncio.create_task(_until(look)) for look in (self._is_folder_too_much, self._is_elsewhere_too_much)]
        try:
            await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)
            self._full()
        finally:
            self._ended = True
            for look in looks:
                look.cancel()
            await asyncio.gather(*looks, return_exceptions=True)

    def _is_folder_too_much(self) -> bool:
        taken = self._taken_elsewhere
        for size in _sizes(self._folder):
            taken += size
            if taken > self._most or self._ended:
                break
        return taken > self._most

    def _is_elsewhere_too_much(self) -> bool:
        self._taken_elsewhere = self._elsewhere()
        return self._taken_elsewhere > self._most


async def _until(look: Callable[[], bool]) -> None:
    while True:
        began = monotonic()
        if await asyncio.to_thread(look):
            return
        await asyncio.sleep(max(EVERY, (monotonic() - began) / _SHARE))


def measure(folder: Path) -> int:
    """Bytes on disk that the files below the folder take: holes nothing, hard links once; links are not followed."""
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    return _sizes_below(str(folder), set(), 0)


def _sizes_below(folder: str, seen: set[tuple[int, int]], level: int) -> Iterator[int]:
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        if len(path) > _FAR and os.path.isdir(_OWN_FILES):  # noqa: PTH112  a string
            yield from _far_sizes(path, seen, level)
            continue
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    yield _size_of(entry, seen)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:  # the build deletes and moves meanwhile
            continue


def _far_sizes(path: str, seen: set[tuple[int, int]], level: int) -> Iterator[int]:
    """What is below a folder whose path is nearly too long for the system: a build must not hide its files there."""
    if level >= _FURTHEST:
        yield sys.maxsize  # nobody but who hides something goes this deep
        return
    try:
        place = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        yield from _sizes_below(f"{_OWN_FILES}/{place}", seen, level + 1)
    finally:
        os.close(place)


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
