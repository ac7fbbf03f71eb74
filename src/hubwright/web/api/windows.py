"""Parts of a log: bytes of a stage, of some lines, of a `Range`; and its bytes without escapes, chunk by chunk.

https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import NamedTuple

from hubwright.domain.ansi import strip_escapes
from hubwright.errors import NotFoundError
from hubwright.hub.line_index import LineIndex
from hubwright.hub.logs import Logs
from hubwright.store.views_values import RunView

CHUNK = 256 * 1024
"""Bytes that are read and sent at once."""

LONGEST_ESCAPE = 4096
"""Bytes for which an escape's end is waited for."""

ESCAPE = b"\x1b"
_TIMED = 2_000  # lines that are written with their moments at once
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})\Z")


class Window(NamedTuple):
    """The bytes from `start` up to `end` of a run's log."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes in it."""
        return self.end - self.start


def find_stage(run: RunView, stage: str, size: int) -> Window:
    """The part of the stage of this name or position; empty before it starts. Raises NotFoundError."""
    named = [each for each in run.stages if each.name == stage] or [
        each for each in run.stages if str(each.position) == stage
    ]
    if not named:
        known = ", ".join(each.name for each in run.stages[:20]) or "none"
        raise NotFoundError(f"Run {run.id} has no stage {stage[:80]!r}; its stages are: {known}.")
    found = named[0]
    if found.log_start is None:
        return Window(0, 0)
    end = size if found.log_end is None else min(found.log_end, size)
    return Window(min(found.log_start, end), end)


def find_lines(index: LineIndex, run: int, window: Window, first: int | None, last: int | None) -> Window:
    """The lines `first` to `last` (from 1, both included) of the window. Reads the log: call it in a thread."""
    before = index.line_at(run, window.start) - 1 if window.start else 0
    start = window.start if first is None else index.offset_of(run, before + first)
    end = window.end if last is None else index.offset_of(run, before + last + 1)
    start = min(max(start, window.start), window.end)
    return Window(start, max(start, min(end, window.end)))


def has_escapes(logs: Logs, run: int, window: Window) -> bool:
    """Whether there is an escape in the window. Reads it: call it in a thread."""
    at = window.start
    while at < window.end and (block := logs.read(run, at, min(4 * CHUNK, window.end - at))):
        if ESCAPE in block:
            return True
        at += len(block)
    return False


def read_range(header: str, size: int) -> Window | None:
    """What a `Range` header asks of `size` bytes; None where the header is to be ignored.

    Raises ValueError when nothing of the range is there.
    """
    match = _RANGE.match(header.strip())
    if match is None or match.groups() == ("", ""):
        return None  # several ranges, other units, nonsense: the whole is a right answer
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), size if not last else min(int(last) + 1, size)
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise ValueError(f"the log has {size} bytes")
    return Window(start, end)


async def read_window(logs: Logs, run: int, window: Window) -> AsyncIterator[bytes]:
    """The window's bytes as they are."""
    at = window.start
    while at < window.end:
        block = await asyncio.to_thread(logs.read, run, at, min(CHUNK, window.end - at))
        if not block:
            return
        at += len(block)
        yield block


async def read_plain(logs: Logs, run: int, window: Window) -> AsyncIterator[bytes]:
    """The window's bytes without escapes, also where one is cut by the border of two chunks."""
    held = b""
    async for block in read_window(logs, run, window):
        whole, held = split_escapes(held + block)
        if whole:
            yield await asyncio.to_thread(strip_escapes, whole) if ESCAPE in whole else whole
    if held:
        yield strip_escapes(held)


async def read_timed(index: LineIndex, logs: Logs, run: int, window: Window) -> AsyncIterator[bytes]:
    """The window's lines without escapes, each after the moment at which it came (RFC 3339, UTC, milliseconds) and a
    space; after 24 spaces and one where that is not known. Of very long lines the beginning.
    """
    line = await asyncio.to_thread(index.line_at, run, window.start)
    at = window.start
    while at < window.end:
        placed = await asyncio.to_thread(index.read_placed, run, line, _TIMED)
        shown = [(begin, text) for begin, text in placed if window.start <= begin < window.end]
        if not shown:
            return
        yield await asyncio.to_thread(_write_timed, logs, run, shown)
        line, at = line + len(placed), shown[-1][0] + 1


def _write_timed(logs: Logs, run: int, placed: list[tuple[int, bytes]]) -> bytes:
    times = logs.load_times(run, placed[0][0], placed[-1][0] + 1)
    lines = []
    for begin, text in placed:
        moment = times.at(begin)
        told = " " * 24 if moment is None else f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H:%M:%S.%f}"
        lines.append(f"{told[:23]}{' ' if moment is None else 'Z'} ".encode() + strip_escapes(text) + b"\n")
    return b"".join(lines)


def split_escapes(block: bytes) -> tuple[bytes, bytes]:
    """The part of the block in which no escape is cut off, and the rest; the rest is shorter than `LONGEST_ESCAPE`."""
    last = block.rfind(ESCAPE, max(0, len(block) - LONGEST_ESCAPE))
    if last < 0:
        return block, b""
    # the end of a string escape (ESC \) is an escape itself: go back to where it began
    if (opening := block.rfind(ESCAPE, max(0, len(block) - LONGEST_ESCAPE), last)) >= 0 and block[
        opening + 1
    ] in b"]PX^_":
        last = opening
    return block[:last], block[last:]
