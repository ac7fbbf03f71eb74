"""What is inside of archives and compressed files, as streams of bytes, for looking through: bounded, never unpacked.

A tar is no more than its files one after the other, so a compressed one is looked through as what it expands to.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

MEMBERS = 10_000
"""Files of a zip that are looked into."""

DIRECTORY = 16 * 1024 * 1024
"""Bytes of a zip's directory, which is held in memory; one with more, or in the form beyond 4 GiB, is not opened."""

_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x07"
_END_SIZE = 22
_XZ_MEMORY = 128 * 1024 * 1024
_PIECE = 1024 * 1024

BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
"""What reading a damaged or unusual archive raises."""


def open_packed(content: BinaryIO) -> Iterator[Iterator[bytes]]:
    """The pieces of each stream in the file, by what it begins with; none for other files. Raises those of `BROKEN`."""
    content.seek(0)
    head = content.read(6)
    content.seek(0)
    if head.startswith(b"\x1f\x8b"):
        yield _read(cast(BinaryIO, gzip.GzipFile(fileobj=content)))
    elif head.startswith(b"BZh"):
        yield _read(cast(BinaryIO, bz2.BZ2File(content)))
    elif head == b"\xfd7zXZ\x00":
        yield _read_xz(content)
    elif _is_small_zip(content):
        with zipfile.ZipFile(content) as archive:
            for member in archive.infolist()[:MEMBERS]:
                if not member.flag_bits & 1:  # encrypted
                    with archive.open(member) as stream:
                        yield _read(cast(BinaryIO, stream))


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


def _read_xz(content: BinaryIO) -> Iterator[bytes]:
    machine = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
    while not machine.eof:
        packed = content.read(_PIECE) if machine.needs_input else b""
        if machine.needs_input and not packed:
            return
        yield machine.decompress(packed, _PIECE)


def _is_small_zip(content: BinaryIO) -> bool:
    """Whether it ends as a zip does, and its directory may be read. Where a zip begins may be anything."""
    size = content.seek(0, os.SEEK_END)
    content.seek(max(0, size - _END_SIZE - 0xFFFF - 20))
    tail = content.read()
    at = tail.rfind(_END)
    if at < 0 or at + _END_SIZE > len(tail) or tail[max(0, at - 20) : at].startswith(_END_64):
        return False
    (directory,) = struct.unpack_from("<L", tail, at + 12)
    return bool(directory <= DIRECTORY)
