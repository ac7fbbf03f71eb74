"""When what is in a log came: pairs of a byte and a moment in a file beside it, some twenty for each second at most.

A byte's moment is the one of the last pair at or before it, so that lines of one batch share theirs, and one that was
lost with a crash makes the lines after it look as old as those before it.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

CLOSEST = 50
"""Milliseconds between two pairs, at least."""

_PAIR = struct.Struct("<QQ")
_BLOCK = 4096 * _PAIR.size


class Times(NamedTuple):
    """Bytes, rising, and the Unix milliseconds from which on each came."""

    offsets: array[int]
    moments: array[int]

    def at(self, offset: int) -> int | None:
        """When the byte came, in Unix milliseconds; None before the first that is known."""
        place = bisect_right(self.offsets, offset) - 1
        return self.moments[place] if place >= 0 else None


class Noted(NamedTuple):
    """How many pairs there are, and the last one's moment."""

    pairs: int
    moment: int


def note_time(path: Path, offset: int, moment: int, before: Noted | None) -> Noted:
    """Add a pair after what was noted `before`. Raises OSError.

    Where nobody knows that, what is in the file may be torn or ahead of a log that lost its end: that is cut off.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        end, last = before or _cut_off(descriptor, offset)
        moment = max(moment, last)  # a clock may be set back, the log goes on
        whole = os.pwrite(descriptor, _PAIR.pack(offset, moment), end * _PAIR.size) == _PAIR.size
    finally:
        os.close(descriptor)
    return Noted(end + whole, moment)


def _cut_off(descriptor: int, offset: int) -> Noted:
    """What is left when all that is torn, or not before the offset, is gone."""
    end = os.fstat(descriptor).st_size // _PAIR.size
    while end and _read_pair(descriptor, end - 1)[0] >= offset:
        end -= 1
    os.ftruncate(descriptor, end * _PAIR.size)
    return Noted(end, _read_pair(descriptor, end - 1)[1] if end else 0)


def load_times(path: Path, start: int, end: int) -> Times:
    """The pairs that tell of the bytes from `start` up to `end`; none when nothing was noted."""
    found = Times(array("Q"), array("Q"))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return found
    try:
        place = _find_pair(descriptor, start)
        while block := os.pread(descriptor, _BLOCK, place * _PAIR.size):
            pairs = array("Q", block[: len(block) - len(block) % _PAIR.size])
            if sys.byteorder == "big":
                pairs.byteswap()
            found.offsets.extend(pairs[::2])
            found.moments.extend(pairs[1::2])
            if not pairs or pairs[-2] >= end:
                break
            place += len(pairs) // 2
    finally:
        os.close(descriptor)
    return found


def _find_pair(descriptor: int, offset: int) -> int:
    """The number of the last pair at or before `offset`, else the first's."""
    low, high = 0, os.fstat(descriptor).st_size // _PAIR.size
    while low < high:
        middle = (low + high) // 2
        if _read_pair(descriptor, middle)[0] <= offset:
            low = middle + 1
        else:
            high = middle
    return max(low - 1, 0)


def _read_pair(descriptor: int, place: int) -> tuple[int, int]:
    offset, moment = _PAIR.unpack(os.pread(descriptor, _PAIR.size, place * _PAIR.size))
    return offset, moment
