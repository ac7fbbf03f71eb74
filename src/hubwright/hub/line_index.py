"""Which byte of a log a line begins at, so that a page may jump anywhere in a million lines."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass, field

from hubwright.hub.logs import Logs

STEP = 1_000
"""Lines between two offsets that are kept."""

LONGEST_LINE = 64 * 1024
"""Bytes of one line that `read_lines` returns; the rest of it is passed over."""

_BLOCK = 1024 * 1024
_PIECE = 16 * 1024
_RUNS = 512


@dataclass(slots=True)
class _Marks:
    """What is known of one log: offsets of the lines 1, 1001, 2001, …; newlines and bytes seen so far."""

    offsets: array[int] = field(default_factory=lambda: array("Q", [0]))
    newlines: int = 0
    size: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class LineIndex:
    """Line numbers (from 1) of the logs; made when asked for, grown with the log, kept for the last 512 runs asked."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._known: OrderedDict[int, _Marks] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, run: int) -> int:
        """How many lines the log has; one that has no newline yet counts."""
        marks = self._look(run)
        return marks.newlines + (0 if self._ends_whole(run, marks) else 1)

    def whole_lines(self, run: int) -> int:
        """How many lines of the log are whole: ended by a newline."""
        return self._look(run).newlines

    def offset_of(self, run: int, line: int) -> int:
        """The byte at which the line begins; the log's size when there is no such line."""
        marks = self._look(run)
        if line > marks.newlines + 1:
            return marks.size
        place = min(max(line - 1, 0) // STEP, len(marks.offsets) - 1)
        offset = marks.offsets[place]
        return self._skip(run, offset, max(line - 1, 0) - place * STEP)

    def line_at(self, run: int, offset: int) -> int:
        """The line that holds the byte at `offset`."""
        marks = self._look(run)
        place = bisect_right(marks.offsets, offset) - 1
        line, at = place * STEP + 1, marks.offsets[place]
        while at < offset:
            block = self._logs.read(run, at, min(_BLOCK, offset - at))
            if not block:
                break
            line += block.count(b"\n")
            at += len(block)
        return line

    def read_lines(self, run: int, first: int, count: int) -> list[bytes]:
        """At most `count` lines from line `first` on, without newlines, each at most `LONGEST_LINE` bytes."""
        return [line for _, line in self.read_placed(run, first, count)]

    def read_placed(self, run: int, first: int, count: int) -> list[tuple[int, bytes]]:
        """As `read_lines`, each with the byte at which it begins."""
        lines: list[tuple[int, bytes]] = []
        at = begin = self.offset_of(run, first)
        rest = b""
        most = _PIECE * min(count, 16)
        while len(lines) < count and (block := self._logs.read(run, at, most)):
            *whole, tail = block.split(b"\n", count - len(lines))
            for line in whole:
                lines.append((begin, (rest + line)[:LONGEST_LINE]))
                at += len(line) + 1
                begin, rest = at, b""
            rest = (rest + tail)[:LONGEST_LINE]
            at += len(tail)
        if rest and len(lines) < count:
            lines.append((begin, rest))
        return lines[:count]

    def _look(self, run: int) -> _Marks:
        with self._lock:
            marks = self._known.setdefault(run, _Marks())
            self._known.move_to_end(run)
            if len(self._known) > _RUNS:
                self._known.popitem(last=False)
        with marks.lock:
            size = self._logs.size(run)
            if size < marks.size:  # the log was removed
                marks.offsets, marks.newlines, marks.size = array("Q", [0]), 0, 0
            while marks.size < size and (block := self._logs.read(run, marks.size, min(_BLOCK, size - marks.size))):
                _note(marks, block)
        return marks

    def _ends_whole(self, run: int, marks: _Marks) -> bool:
        return marks.size == 0 or self._logs.read(run, marks.size - 1, 1) == b"\n"

    def _skip(self, run: int, offset: int, lines: int) -> int:
        """The byte after `lines` newlines from `offset` on."""
        while lines and (block := self._logs.read(run, offset, 4 * _PIECE)):
            found = block.count(b"\n")
            if found < lines:
                lines -= found
                offset += len(block)
                continue
            return offset + _after(block, 0, lines)
        return offset


def _note(marks: _Marks, block: bytes) -> None:
    """Count the block's lines by pieces; only in a piece that holds a line to mark is each newline looked for."""
    for start in range(0, len(block), _PIECE):
        end = min(start + _PIECE, len(block))
        found = block.count(b"\n", start, end)
        at, left = start, found
        while (missing := STEP - marks.newlines % STEP) <= left:
            at = _after(block, at, missing)
            marks.offsets.append(marks.size + at)
            marks.newlines += missing
            left -= missing
        marks.newlines += left
    marks.size += len(block)


def _after(block: bytes, at: int, newlines: int) -> int:
    for _ in range(newlines):
        at = block.index(b"\n", at) + 1
    return at
