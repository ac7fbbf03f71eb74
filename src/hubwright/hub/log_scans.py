"""What is found in logs by looking through them once: done when asked for, gone on with as the log grows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from hubwright.hub.logs import Logs

T = TypeVar("T")

Find = Callable[[bytes, int], Iterable[tuple[int, T]]]
"""Given whole lines and where to begin, gives where lines begin, rising, and what was found there."""

_BLOCK = 1024 * 1024
_NEIGHBOUR = 4 * 1024
_RUNS = 64


class Found(NamedTuple, Generic[T]):
    """Something in a log: its line, the byte at which the line begins, and what it is."""

    line: int
    offset: int
    value: T


@dataclass(slots=True)
class _Scan(Generic[T]):
    """One log: where the next line to look at begins, how many lines are before it, what was found."""

    at: int = 0
    lines: int = 0
    full: bool = False
    found: list[Found[T]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class LogScans(Generic[T]):
    """Looks for one kind of things, `most` of them in a log, and remembers the last 64 runs.

    Reads files: call it in a thread.
    """

    def __init__(self, logs: Logs, find: Find[T], most: int) -> None:
        self._logs = logs
        self._find = find
        self._most = most
        self._known: OrderedDict[int, _Scan[T]] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, run: int) -> tuple[list[Found[T]], bool]:
        """All in the whole lines that there are by now, and whether that is all: False beyond `most`."""
        with self._lock:
            scan = self._known.setdefault(run, _Scan())
            self._known.move_to_end(run)
            if len(self._known) > _RUNS:
                self._known.popitem(last=False)
        with scan.lock:
            size = self._logs.size(run)
            if size < scan.at:  # the run began anew, or its log was removed
                scan.at, scan.lines, scan.full, scan.found = 0, 0, False, []
            while not scan.full and self._go_on(run, scan, size):
                pass
            return list(scan.found), not scan.full

    def _go_on(self, run: int, scan: _Scan[T], size: int) -> bool:
        """Look at the next block; False when no whole line is left."""
        begin = max(scan.at - _NEIGHBOUR, 0)
        block = self._logs.read(run, begin, min(scan.at + _BLOCK, size) - begin)
        start = scan.at - begin
        end = block.rfind(b"\n", start) + 1
        if end <= start:
            return self._pass_over(run, scan, size)
        counted = start
        for place, value in self._find(block[:end], start):
            scan.lines += block.count(b"\n", counted, place)
            counted = place
            if len(scan.found) >= self._most:
                scan.full = True
                return False
            scan.found.append(Found(scan.lines + 1, begin + place, value))
        scan.lines += block.count(b"\n", counted, end)
        scan.at = begin + end
        return True

    def _pass_over(self, run: int, scan: _Scan[T], size: int) -> bool:
        """A line longer than a block: nothing of it is looked at. False when its end has not come yet."""
        at = scan.at
        while block := self._logs.read(run, at, min(_BLOCK, size - at)):
            if (end := block.find(b"\n")) >= 0:
                scan.at, scan.lines = at + end + 1, scan.lines + 1
                return True
            at += len(block)
        return False
