"""Append-only logs of runs, one file each; readers read by offset, then wait for the bell.

Early, late and slow readers share one path: nothing is dropped for them and nothing is held in memory. Where several
hubs are, some files are copies of what another has, or of what is sealed (`hub.log_copies`): they lie apart, and no
start finds them.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from hubwright.domain.scrubbing import cover
from hubwright.hub.bell import Bell
from hubwright.hub.log_times import CLOSEST, Noted, Times, load_times, note_time

COPIES = "copies"
"""The folder of copies."""

_PIECE = 1024 * 1024
_CHANGES = 10_000


class Logs:
    """The logs under a folder. Appends come from one thread (the event loop); reads may come from any.

    `on_bytes` is told how much each append has added. `place` names the folder where there are other hubs.
    """

    def __init__(
        self, root: Path, bell: Bell, on_bytes: Callable[[int], None] = lambda _count: None, place: str = ""
    ) -> None:
        self.place = place
        self._root = root
        self._copied: dict[int, bool] = {}  # run whose file is a copy -> whether it is whole
        self._rewritten: OrderedDict[int, int] = OrderedDict()  # run -> how often bytes of it have changed
        self._start_number = secrets.token_hex(4)
        self._bell = bell
        self._on_bytes = on_bytes
        self._open: dict[int, tuple[int, int]] = {}  # run -> file descriptor, size
        self._noted: dict[int, Noted] = {}  # when bytes came, as far as it was noted here

    @property
    def root(self) -> Path:
        """The folder."""
        return self._root

    def path(self, run: int) -> Path:
        """Where the run's log lies; a thousand runs share a folder."""
        return Path(self._file(run))

    def _file(self, run: int) -> str:
        """The same as a string, which costs a tenth: who follows a log asks ten times a second."""
        return f"{self._root}/{f'{COPIES}/' if run in self._copied else ''}{run // 1000}/{run}.log"

    def size(self, run: int) -> int:
        """Bytes in the log; nought when there is none yet."""
        if (held := self._open.get(run)) is not None:
            return held[1]
        try:
            return os.stat(self._file(run)).st_size  # noqa: PTH116  the same reason
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
        if run not in self._copied:
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
        self._count_change(run)
        self.ring(run)

    def mark(self, run: int) -> str:
        """What changes when bytes that were there have changed: by a scrub, or because the log began anew."""
        return f"{self._start_number}-{self._rewritten.get(run, 0)}"

    def is_copy(self, run: int) -> bool:
        """Whether the file is a copy."""
        return run in self._copied

    def is_whole(self, run: int) -> bool:
        """Whether the file is as its builder made it so far: our own, or a whole copy."""
        return self._copied.get(run, True)

    def begin_copy(self, run: int) -> None:
        """Have an empty copy; what was here of the log goes, a copy too that a process before left in the folder."""
        self._close(run)
        self._copied[run] = False  # so that both places are cleared
        self.remove(run)
        self._copied[run] = False

    def end_copy(self, run: int, times: bytes) -> None:
        """The copy is whole; `times` is the file of when its bytes came. Raises OSError."""
        self._close(run)
        if times:
            self._times_path(run).write_bytes(times)
        self._copied[run] = True
        self._bell.forget(topic(run))

    def overwrite(self, run: int, offset: int, data: bytes) -> None:
        """Bytes of a copy as they are now. Raises OSError."""
        descriptor, size = self._open.get(run) or self._start(run)
        os.pwrite(descriptor, data[: max(size - offset, 0)], offset)

    def make_copy(self, run: int) -> None:
        """What is sealed elsewhere is a copy from now on; who reads it notices nothing. Raises OSError."""
        self._close(run)
        own, own_times = self.path(run), self._times_path(run)
        if run in self._copied or not own.exists():
            return
        folder = self._root / COPIES / str(run // 1000)
        folder.mkdir(parents=True, exist_ok=True)
        for path in (own, own_times):
            (folder / path.name).unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                os.link(path, folder / path.name)
        self._copied[run] = True
        own.unlink(missing_ok=True)
        own_times.unlink(missing_ok=True)

    def drop_copies(self) -> None:
        """Delete the copies of an earlier start."""
        shutil.rmtree(self._root / COPIES, ignore_errors=True)

    def read_times(self, run: int, start: int, length: int) -> tuple[int, bytes]:
        """Size of the file of when the log's bytes came, and a part of it."""
        try:
            descriptor = os.open(self._times_path(run), os.O_RDONLY)
        except FileNotFoundError:
            return 0, b""
        try:
            size = os.fstat(descriptor).st_size
            return size, os.pread(descriptor, length, min(start, size))
        finally:
            os.close(descriptor)

    def look_again(self, run: int) -> int:
        """The log's size as it is on disk: while the builder talked to another hub, that one has written on."""
        self._close(run)
        return self.size(run)

    def receive(self, run: int) -> None:
        """Its builder is here, and its bytes come from now on: no copy takes their place. Raises OSError."""
        if run not in self._open:
            self._start(run)

    def rest(self, run: int) -> None:
        """Its builder is away: close the file, and have readers look where the builder went."""
        self._close(run)
        self.ring(run)

    def is_open(self, run: int) -> bool:
        """Whether its bytes come from a builder, to this hub."""
        return run in self._open and run not in self._copied

    def clear(self, run: int) -> None:
        """Forget a log whose run begins anew, or whose bytes come anew."""
        self.finish(run)
        self.remove(run)
        self._count_change(run)

    def remove(self, run: int) -> None:
        """Delete the log of a run that has ended, if there is one, and a copy of it."""
        for _ in range(2 if run in self._copied else 1):
            self.path(run).unlink(missing_ok=True)
            self._times_path(run).unlink(missing_ok=True)
            self._copied.pop(run, None)

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
            descriptor = os.open(self._file(run), os.O_RDONLY)
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

    def _count_change(self, run: int) -> None:
        self._rewritten[run] = self._rewritten.pop(run, 0) + 1
        if len(self._rewritten) > _CHANGES:
            self._rewritten.popitem(last=False)

    def _close(self, run: int) -> None:
        self._noted.pop(run, None)
        if (held := self._open.pop(run, None)) is not None:
            os.close(held[0])

    def _times_path(self, run: int) -> Path:
        return self.path(run).with_suffix(".times")

    def _note(self, run: int, offset: int, moment: int) -> None:
        """A full disk may cost moments, but no byte of the log."""
        noted = self._noted.get(run)
        if noted is None or moment - noted.moment >= CLOSEST:
            with suppress(OSError):
                self._noted[run] = note_time(self._times_path(run), offset, moment, noted)

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
