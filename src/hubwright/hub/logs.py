"""Append-only logs of runs, one file each; readers read by offset, then wait for the bell.

Early, late and slow readers share one path: nothing is dropped for them and nothing is held in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from hubwright.domain.scrubbing import cover
from hubwright.hub.bell import Bell
from hubwright.hub.log_times import CLOSEST, Times, load_times, note_time

_PIECE = 1024 * 1024


class Logs:
    """The logs under a folder. Appends come from one thread (the event loop); reads may come from any.

    `on_bytes` is told how much each append has added.
    """

    def __init__(self, root: Path, bell: Bell, on_bytes: Callable[[int], None] = lambda _count: None) -> None:
        self._root = root
        self._bell = bell
        self._on_bytes = on_bytes
        self._open: dict[int, tuple[int, int]] = {}  # run -> file descriptor, size
        self._noted: dict[int, int] = {}  # run -> the last moment that was noted, in Unix milliseconds

    def path(self, run: int) -> Path:
        """Where the run's log lies; a thousand runs share a folder."""
        return self._root / str(run // 1000) / f"{run}.log"

    def size(self, run: int) -> int:
        """Bytes in the log; nought when there is none yet."""
        if (held := self._open.get(run)) is not None:
            return held[1]
        try:
            return self.path(run).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, run: int, offset: int, data: bytes, now: float | None = None) -> int:
        """Add what is new of `data`, which starts at `offset`; the size afterwards. `now`, Unix seconds, is noted.

        Bytes that are there already are not written twice; bytes after a gap are not written at all (the returned
        size tells the sender where to go on). Raises OSError when the disk is full; nothing counts as written then.
        """
        descriptor, size = self._open.get(run) or self._start(run)
        if offset > size or offset + len(data) <= size:
            return size
        fresh = memoryview(data)[size - offset :]
        begin = size
        while fresh:
            written = os.pwrite(descriptor, fresh, size)
            size += written
            self._open[run] = (descriptor, size)
            fresh = fresh[written:]
        self._on_bytes(size - begin)
        if now is not None:
            self._note(run, begin, int(now * 1000))
        self._bell.ring(topic(run))
        return size

    def load_times(self, run: int, start: int, end: int) -> Times:
        """When the bytes from `start` up to `end` came, as far as it was noted."""
        return load_times(self._times_path(run), start, end)

    def ring(self, run: int) -> None:
        """Have those look again who follow the run: something was found in its log."""
        self._bell.ring(topic(run))

    def scrub(self, run: int, spans: Iterable[tuple[int, int]]) -> None:
        """Overwrite what is there of these parts (offset, length) with as many asterisks; lines stay where they are.

        Raises OSError.
        """
        try:
            descriptor = os.open(self.path(run), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            for offset, length in spans:
                end = max(offset, 0) + length
                for start in range(max(offset, 0), end, _PIECE):
                    data = os.pread(descriptor, min(_PIECE, end - start), start)
                    if not data:
                        break
                    os.pwrite(descriptor, cover(data), start)
        finally:
            os.close(descriptor)

    def look_again(self, run: int) -> int:
        """The log's size as it is on disk: while the builder talked to another hub, that one has written on."""
        self._close(run)
        return self.size(run)

    def clear(self, run: int) -> None:
        """Forget a log whose run begins anew."""
        self.finish(run)
        self.remove(run)

    def remove(self, run: int) -> None:
        """Delete the log of a run that has ended, if there is one."""
        self.path(run).unlink(missing_ok=True)
        self._times_path(run).unlink(missing_ok=True)

    def finish(self, run: int) -> None:
        """No more will come: close the file and wake the readers."""
        self._close(run)
        self._bell.forget(topic(run))

    def close(self) -> None:
        """Close every file."""
        for run in list(self._open):
            self.finish(run)

    def read(self, run: int, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`; empty at the end or when there is no log."""
        try:
            descriptor = os.open(self.path(run), os.O_RDONLY)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(descriptor, length, min(start, os.fstat(descriptor).st_size))  # far behind it: EINVAL
        finally:
            os.close(descriptor)

    async def wait(self, run: int, seen: int, timeout: float) -> bool:
        """Until the log has grown or ended since `count` gave `seen`, or `timeout` seconds have gone."""
        return await self._bell.wait(topic(run), seen, timeout)

    def count(self, run: int) -> int:
        """A mark to take before reading, for `wait`."""
        return self._bell.count(topic(run))

    def _close(self, run: int) -> None:
        self._noted.pop(run, None)
        if (held := self._open.pop(run, None)) is not None:
            os.close(held[0])

    def _times_path(self, run: int) -> Path:
        return self.path(run).with_suffix(".times")

    def _note(self, run: int, offset: int, moment: int) -> None:
        """A full disk may cost moments, but no byte of the log."""
        noted = self._noted.get(run)
        if noted is None or moment - noted >= CLOSEST:
            with suppress(OSError):
                note_time(self._times_path(run), offset, moment, first=noted is None)
                self._noted[run] = moment

    def _start(self, run: int) -> tuple[int, int]:
        path = self.path(run)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o640)
        except FileNotFoundError:  # the first of its thousand
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, flags, 0o640)
        held = (descriptor, os.fstat(descriptor).st_size)
        self._open[run] = held
        return held


def topic(run: int) -> str:
    """The bell's topic of a run's log."""
    return f"log:{run}"
