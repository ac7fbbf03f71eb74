"""Deliveries that the database could not take: on the hub's own disk, in order, until it can (R6).

GitHub sends a webhook once. What is answered 503 has to be asked for later, one by one, at GitHub's pace; what is
here is handed over in a moment. Files of records, each its length, its CRC-32 and the delivery in MessagePack. A
record that was cut by a crash was never promised to anybody: it ends its file.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import FileIO
from pathlib import Path

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from hubwright.store.database import Database
from hubwright.store.deliveries import Incoming, keep_deliveries
from hubwright.store.writers import DatabaseBusyError, is_outage

AGAIN_AFTER = 1.0
"""Seconds between two tries to hand over what waits."""

PORTION = 64
"""Deliveries that are handed over in one transaction; when no more are left, new ones go to the database at once."""

PORTION_BYTES = 8 * 1024 * 1024
"""Bytes of a portion, unless one delivery alone is larger."""

FOLDER = "spool"
"""Its name in the data folder of a hub."""

REFUSED = "refused"
"""The file of what the database refused although it was there; nobody reads it but people."""

_HEAD = struct.Struct(">II")
_SUFFIX = ".deliveries"

logger = structlog.get_logger()


class DeliverySpool:
    """A queue of deliveries in `folder`, of at most `bound` bytes. Safe from many threads."""

    def __init__(
        self, folder: Path, bound: int, database: Database, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._bound = bound
        self._database = database
        self._clock = clock
        self._wake = wake
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._file: FileIO | None = None
        self._written = self._synced = 0
        self._size = self._measure()
        self.holds = self._size > 0

    def keep(self, item: Incoming) -> None:
        """It is on the disk when this returns; all who wait share one fsync. Raises DatabaseBusyError: no room."""
        record = _pack(item)
        try:
            with self._lock:
                if self._size + len(record) > self._bound:
                    raise DatabaseBusyError(f"the database is away, and the spool has its {self._bound} bytes")
                self._write(record)
                number = self._written
            self._sync(number)
        except OSError as error:
            raise DatabaseBusyError(f"the database is away, and the spool can't be written: {error}") from error

    def drain(self) -> float | None:
        """Hand over what waits; when to try again, Unix seconds, or None."""
        while (path := self._take_oldest()) is not None:
            try:
                for portion in form_portions(read_records(path)):
                    self._hand_over(portion)
            except (DBAPIError, DatabaseBusyError) as error:
                if not is_outage(error):
                    raise
                self.holds = True
                return self._clock() + AGAIN_AFTER
            with self._lock:
                path.unlink()
                self._size = self._measure()
        return None

    def close(self) -> None:
        """What waits is found again by the next process."""
        with self._syncing, self._lock:
            self._close()

    def _write(self, record: bytes) -> None:
        """Append it whole or not at all."""
        if self._file is None:
            self._file = self._open_next()
        before = os.fstat(self._file.fileno()).st_size
        rest = memoryview(record)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            os.ftruncate(self._file.fileno(), before)
            raise
        self._size += len(record)
        self._written += 1
        self.holds = True

    def _sync(self, number: int) -> None:
        with self._syncing:
            if self._synced >= number:
                return
            with self._lock:
                latest, file = self._written, self._file
            if file is not None:
                os.fsync(file.fileno())
            self._synced = latest

    def _take_oldest(self) -> Path | None:
        """The oldest file, which nobody writes any more; None when nothing waits."""
        with self._syncing, self._lock:
            files = self._files()
            if not files:
                self.holds = False
                return None
            if len(files) == 1:
                self._close()
                self.holds = sum(1 for _ in zip(range(PORTION + 1), read_records(files[0]), strict=False)) > PORTION
            return files[0]

    def _hand_over(self, portion: list[Incoming]) -> None:
        """One that the database refuses for what it is must not stop those behind it."""
        try:
            self._database.write(partial(keep_deliveries, items=portion))
        except DBAPIError as error:
            if is_outage(error):
                raise
            if len(portion) > 1:
                for item in portion:
                    self._hand_over([item])
                return
            self._set_aside(portion[0], error)
        else:
            logger.info("deliveries_handed_over", count=len(portion))
            self._wake()

    def _set_aside(self, item: Incoming, error: DBAPIError) -> None:
        logger.error("delivery_refused", delivery=item.guid, error=str(error.orig).partition("\n")[0])
        with os.fdopen(_open_private(self._folder / REFUSED), "ab") as file:
            file.write(_pack(item))

    def _open_next(self) -> FileIO:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = max((int(path.stem) for path in self._files()), default=0) + 1
        file = FileIO(_open_private(self._folder / f"{number:012d}{_SUFFIX}"), "ab")
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    def _close(self) -> None:
        """Nothing is added to the newest file any more, and all of it is on the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._synced = self._written
            self._file.close()
        self._file = None

    def _measure(self) -> int:
        return sum(path.stat().st_size for path in self._files())

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.glob(f"*{_SUFFIX}") if path.stem.isdigit())


def read_records(path: Path) -> Iterator[Incoming]:
    """All that are whole, up to the first that is not."""
    decoder = msgspec.msgpack.Decoder(Incoming)
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, check = _HEAD.unpack(head)
            record = file.read(length)
            if len(record) < length or zlib.crc32(record) != check:
                return
            yield decoder.decode(record)


def form_portions(items: Iterator[Incoming]) -> Iterator[list[Incoming]]:
    """All of them in order, `PORTION` and `PORTION_BYTES` at a time."""
    portion: list[Incoming] = []
    size = 0
    for item in items:
        if portion and (len(portion) == PORTION or size + len(item.body) > PORTION_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += len(item.body)
    if portion:
        yield portion


def _pack(item: Incoming) -> bytes:
    record = msgspec.msgpack.encode(item)
    return _HEAD.pack(len(record), zlib.crc32(record)) + record


def _open_private(path: Path) -> int:
    """Payloads of private repositories are nobody else's to read."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
