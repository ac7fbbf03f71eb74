"""A .zip that is written while it is read: nothing of it is kept, however large it gets. Nothing is compressed: what
builds keep mostly is already.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import IO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_FIRST, _LAST = 315_532_800, 4_354_819_198
"""What an archive's clock can show, 1980 to 2107, in Unix seconds."""


class Archive:
    """The files in their order: `begin` one, `add` its bytes, and at last `finish`; each returns what is to be sent.

    https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (sizes and sums follow the content, section 4.3.9)
    """

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = ZipFile(self._sink, "w", ZIP_STORED)
        self._file: IO[bytes] | None = None

    def begin(self, name: str, size: int, at: float) -> bytes:
        """Begin the file of this name and of so many bytes, kept `at` (Unix seconds)."""
        self._close()
        moment = datetime.fromtimestamp(min(max(at, _FIRST), _LAST), UTC)
        info = ZipInfo(name, moment.timetuple()[:6])
        info.external_attr = 0o644 << 16
        info.file_size = size
        self._file = self._zip.open(info, "w", force_zip64=size >= 2**31)
        return self._sink.drain()

    def add(self, content: bytes) -> bytes:
        """More of the file that was begun."""
        if self._file is not None:
            self._file.write(content)
        return self._sink.drain()

    def finish(self) -> bytes:
        """The end: the directory of all files. An archive that nobody wants any more is finished too, unsent."""
        self._close()
        self._zip.close()
        return self._sink.drain()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()


class _Sink:
    """Gathers what is written until it is sent. It can't go back, so sums are written behind their files."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing to do: whoever sends takes it."""

    def close(self) -> None:
        """Nothing to do either."""

    def drain(self) -> bytes:
        found = b"".join(self._parts)
        self._parts.clear()
        return found
