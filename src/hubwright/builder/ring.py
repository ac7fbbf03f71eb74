"""The last minute of samples in a small file of fixed size, which a `kill -9` leaves readable.

The file is made whole at first and only written over afterwards, so a disk that is full keeps the samples that tell so.
Each slot holds one record: number, length, checksum, JSON. A record that was torn has a wrong checksum and is left out.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Self

import msgspec

from hubwright.wire import Vitals

SLOTS = 64
SLOT = 16 * 1024
"""Bytes of a slot: 1 MiB in all."""

_HEADER = struct.Struct(">QII")  # number, length, CRC-32 of number and content


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sample and who took it: the machine's and the builder's life, and whether it had been told to end."""

    vitals: Vitals
    boot: str
    process: str
    leaving: bool = False


class Ring:
    """Writes entries, the oldest ones over."""

    def __init__(self, file: Path) -> None:
        """Open or make the file. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(file, flags, 0o600), "r+b", buffering=0)
        try:
            missing = SLOTS * SLOT - self._file.seek(0, os.SEEK_END)
            if missing > 0:
                self._file.write(bytes(missing))
            self._number = max((number for number, _ in self._records()), default=0)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, entry: Entry) -> None:
        """Write an entry, with fewer processes where it would be too long. Raises OSError."""
        content = _fit(entry)
        self._number += 1
        checksum = _sum(self._number, content)
        self._file.seek(self._number % SLOTS * SLOT)
        self._file.write(_HEADER.pack(self._number, len(content), checksum) + content)

    def read(self) -> list[Entry]:
        """All whole entries, oldest first. Never raises for what is in the file."""
        found = []
        for _, content in sorted(self._records()):
            try:
                found.append(msgspec.json.decode(content, type=Entry))
            except (msgspec.MsgspecError, ValueError):  # of another version
                continue
        return found

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()

    def _records(self) -> list[tuple[int, bytes]]:
        self._file.seek(0)
        whole = self._file.read(SLOTS * SLOT) or b""
        found = []
        for start in range(0, len(whole) - _HEADER.size + 1, SLOT):
            number, length, checksum = _HEADER.unpack_from(whole, start)
            content = whole[start + _HEADER.size : start + _HEADER.size + length]
            if number and length <= SLOT - _HEADER.size and _sum(number, content) == checksum:
                found.append((number, content))
        return found


def _sum(number: int, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(number.to_bytes(8, "big")))


def _fit(entry: Entry) -> bytes:
    """As JSON that a slot can hold: of each run at first half as many processes, and so on; at last fewer runs."""
    content = msgspec.json.encode(entry)
    while len(content) > SLOT - _HEADER.size:
        runs = entry.vitals.runs
        most = max((len(run.processes) for run in runs), default=0) // 2
        shorter = [msgspec.structs.replace(run, processes=run.processes[:most]) for run in runs]
        if most == 0:
            shorter = shorter[: len(shorter) // 2]
        vitals = msgspec.structs.replace(entry.vitals, runs=tuple(shorter))
        entry = msgspec.structs.replace(entry, vitals=vitals)
        content = msgspec.json.encode(entry)
    return content
