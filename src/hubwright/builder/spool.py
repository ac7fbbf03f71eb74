"""What a run has to tell, kept on disk until the hub has it: numbered messages and the bytes of its log.

Each held run has a folder `RUN-LEASE` with `messages.jsonl` (one `[seq, log, frame]` a line), `log` and `about.json`.
Everything is handed to the kernel before it is sent, so a `kill -9` of the builder loses nothing; messages stay in
memory as well, so that a full disk can still be told.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from hubwright.domain.scrubbing import cover
from hubwright.git.locks import CLOSED_IN_CHILDREN, read_at
from hubwright.wire import Held, Message, write_message

SCRUBBED = 32 * 1024 * 1024
"""Bytes of the log's end that are looked through for what is only now known to be secret."""

_PIECE = 1024 * 1024
_OVERLAP = 8192  # more than any form of a secret, and escapes in it
_LINE = msgspec.json.Decoder(tuple[int, int, str])


class Key(NamedTuple):
    """Which run, under which lease."""

    run: int
    lease: int


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a restarted builder must know of a run it no longer works on: how many stages it had."""

    stages: int = 0


class Waiting(NamedTuple):
    """A numbered message that the hub may not have yet; it goes out when `log` bytes of the log have gone."""

    seq: int
    log: int
    frame: str


class Spool:
    """One run's messages and log. Not thread-safe: the builder's event loop owns it."""

    def __init__(self, folder: Path, key: Key) -> None:
        self.key = key
        self.folder = folder
        self.complete = False  # the run's own Result is in
        self.news = asyncio.Event()
        self.waiting: deque[Waiting] = deque()
        self.seq = 0
        self.acked_seq = 0
        self.acked_log = 0
        folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | CLOSED_IN_CHILDREN
        self._log = os.open(folder / "log", flags, 0o600)
        self._messages = os.open(folder / "messages.jsonl", flags, 0o600)
        self.log_size = os.fstat(self._log).st_size
        self._messages_size = os.fstat(self._messages).st_size

    def append_log(self, data: bytes | memoryview) -> None:
        """Add bytes to the log; nothing happens when the run was forgotten.

        Raises OSError when the disk is full; then a part may have been written.
        """
        if self.closed:
            return
        view = memoryview(data)
        while view:
            written = os.write(self._log, view)
            self.log_size += written
            view = view[written:]
        self.news.set()

    def scrub_log(self, find: Callable[[bytes], Sequence[tuple[int, int]]]) -> list[tuple[int, int]]:
        """Cover what `find` finds in the last `SCRUBBED` bytes of the log; offset and length of each place.

        Raises OSError.
        """
        if self.closed:
            return []
        places: set[tuple[int, int]] = set()
        with (self.folder / "log").open("r+b") as content:
            for start in range(max(0, self.log_size - SCRUBBED), self.log_size, _PIECE):
                content.seek(start)
                places.update((start + begin, start + end) for begin, end in find(content.read(_PIECE + _OVERLAP)))
            for begin, end in sorted(places):
                content.seek(begin)
                data = content.read(end - begin)
                content.seek(begin)
                content.write(cover(data))
        return [(begin, end - begin) for begin, end in sorted(places)]

    def read_log(self, offset: int, size: int) -> bytes:
        """At most `size` bytes of the log from `offset` on."""
        return read_at(self._log, size, offset)

    def add(self, make: Callable[[int, int], Message], *, last: bool = False) -> None:
        """Number a message and keep it. `make` gets its number and the log's size; `last` = nothing follows it."""
        if self.closed:
            return
        self.seq += 1
        item = Waiting(self.seq, self.log_size, write_message(make(self.seq, self.log_size)))
        self.waiting.append(item)
        self.complete = self.complete or last
        self.news.set()
        line = msgspec.json.encode(item) + b"\n"
        try:
            whole = os.write(self._messages, line) == len(line)
        except OSError:
            whole = False
        if whole:
            self._messages_size += len(line)
        else:  # a full disk: it stays in memory, and the hub hears of it as long as this process lives
            with suppress(OSError):
                os.ftruncate(self._messages, self._messages_size)

    def acknowledge(self, seq: int, log: int) -> None:
        """The hub has messages up to `seq` and log bytes up to `log`."""
        self.acked_seq = max(self.acked_seq, seq)
        self.acked_log = max(self.acked_log, min(log, self.log_size))
        while self.waiting and self.waiting[0].seq <= self.acked_seq:
            self.waiting.popleft()
        self.news.set()

    def resume(self, seq: int, log: int) -> None:
        """Where the hub is, whatever it acknowledged before: a log that it lost is sent again."""
        self.acked_log = 0
        self.acknowledge(seq, log)

    def next_message(self, after: int) -> Waiting | None:
        """The first message whose number is greater than `after`."""
        if not self.waiting or self.waiting[-1].seq <= after:
            return None
        return self.waiting[max(0, after + 1 - self.waiting[0].seq)]

    @property
    def closed(self) -> bool:
        """Whether the run was forgotten or the builder ends."""
        return self._log < 0

    @property
    def delivered(self) -> bool:
        """Whether the run has ended and the hub has all of it."""
        return self.complete and not self.waiting and self.acked_log >= self.log_size

    def held(self) -> Held:
        """What hello says about the run."""
        return Held(run=self.key.run, lease=self.key.lease, seq=self.seq, log=self.log_size)

    def read_back(self) -> Iterator[tuple[int, str]]:
        """Load the messages of an earlier process; gives each number and frame. A torn last line is cut off."""
        content = (self.folder / "messages.jsonl").read_bytes()
        whole = content.rfind(b"\n") + 1
        os.ftruncate(self._messages, whole)
        self._messages_size = whole
        for line in content[:whole].splitlines():
            item = Waiting(*_LINE.decode(line))
            self.waiting.append(item)
            self.seq = item.seq
            yield item.seq, item.frame

    def write_about(self, about: About) -> None:
        """Keep what a restart needs."""
        (self.folder / "about.json").write_bytes(msgspec.json.encode(about))

    def read_about(self) -> About:
        """What was kept, or nothing known."""
        try:
            return msgspec.json.decode((self.folder / "about.json").read_bytes(), type=About)
        except (OSError, msgspec.MsgspecError):
            return About()

    def close(self) -> None:
        """Close the files and keep them."""
        if self._log >= 0:
            os.close(self._log)
            os.close(self._messages)
            self._log = self._messages = -1
            self.news.set()

    def remove(self) -> None:
        """Forget the run."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Spools:
    """All held runs of a work folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._held: dict[Key, Spool] = {}
        self.changed = asyncio.Event()

    def __iter__(self) -> Iterator[Spool]:
        return iter(list(self._held.values()))

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Key) -> Spool | None:
        """The spool of a held run."""
        return self._held.get(key)

    def open(self, key: Key) -> Spool:
        """Hold a run."""
        spool = Spool(self._root / f"{key.run}-{key.lease}", key)
        self._held[key] = spool
        self.changed.set()
        return spool

    def load(self) -> list[Spool]:
        """Take over the folders that an earlier process left. Folders with other names are left alone."""
        self._root.mkdir(parents=True, exist_ok=True)
        for folder in sorted(self._root.iterdir()):
            run, _, lease = folder.name.partition("-")
            if run.isascii() and run.isdigit() and lease.isascii() and lease.isdigit():
                self.open(Key(int(run), int(lease)))
        return list(self)

    def drop(self, key: Key) -> None:
        """Forget a run, wherever it is."""
        spool = self._held.pop(key, None)
        if spool is not None:
            spool.remove()
            self.changed.set()

    def close(self) -> None:
        """Close all files; what is not delivered stays for the next process."""
        for spool in self._held.values():
            spool.close()
        self._held.clear()
