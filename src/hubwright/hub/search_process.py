"""The process in which a log is searched: it can be killed, which a regular expression within a thread can't.

It reads what is wanted from stdin and writes what it found to stdout, both JSON; it imports little.
"""

from __future__ import annotations

import json
import math
import re
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, BinaryIO

from hubwright.domain.ansi import strip_escapes

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

MEMORY = 512 * 1024 * 1024
"""Bytes that the process may have."""

_BLOCK = 1024 * 1024
_LONGEST = 16 * 1024  # characters of a line that a regular expression looks at

Find = Callable[[str], Iterator[int]]
"""Gives the numbers, from nought and rising, of the lines of a text in which there is what is wanted."""


class _LateError(Exception):
    """The time is over."""


def main() -> None:
    """Search as stdin says; `lines` found, how many were `searched`, and `late`, `more` or `refused`."""
    asked = json.loads(sys.stdin.buffer.read())
    _bound_process(asked["seconds"])
    sys.stdout.write(json.dumps(search(asked)))


def search(asked: dict[str, Any]) -> dict[str, Any]:
    """The numbers of the lines that have it: at most `most`, of the first `size` bytes of the file at `path`."""
    try:
        find = _make_find(asked["text"], regex=asked["regex"], case=asked["case"])
    except (re.error, OverflowError, RecursionError) as error:
        return {"refused": str(error).splitlines()[0]}
    lines: list[int] = []
    searched = 0
    told: dict[str, Any] = {"lines": lines}
    try:
        with open(asked["path"], "rb") as content:  # noqa: PTH123 - pathlib would take as long to import as all else
            for text in _read_texts(content, asked["size"]):
                lines.extend(searched + number + 1 for number in find(text))
                if len(lines) > asked["most"]:
                    del lines[asked["most"] :]
                    return told | {"searched": lines[-1], "more": True}
                searched += text.count("\n")
    except _LateError:
        return told | {"searched": searched, "late": True}
    except MemoryError:
        return {"refused": "it needs too much memory"}
    return told | {"searched": searched}


def _make_find(text: str, *, regex: bool, case: bool) -> Find:
    if regex:
        pattern = re.compile(text, 0 if case else re.IGNORECASE)
        return lambda block: _match_lines(block, pattern)
    wanted = text if case else text.lower()
    return lambda block: _find_lines(block if case else block.lower(), wanted)


def _match_lines(block: str, pattern: re.Pattern[str]) -> Iterator[int]:
    for number, line in enumerate(block.split("\n")):
        if pattern.search(line[:_LONGEST].rstrip("\r")):
            yield number


def _find_lines(block: str, wanted: str) -> Iterator[int]:
    number = counted = 0
    at = block.find(wanted)
    while at >= 0:
        number += block.count("\n", counted, at)
        yield number
        counted = block.find("\n", at)
        at = block.find(wanted, counted) if counted >= 0 else -1


def _read_texts(content: BinaryIO, size: int) -> Iterator[str]:
    """Whole lines, some at a time; the last one may have no end. Escapes are taken out."""
    rest = b""
    while size > 0 and (block := content.read(min(_BLOCK, size))):
        size -= len(block)
        whole, newline, tail = (rest + block).rpartition(b"\n")
        rest = tail
        if newline:
            yield _clean(whole) + "\n"
        elif len(rest) > 4 * _BLOCK:  # a line without an end
            rest = rest[:_BLOCK]
    if rest:
        yield _clean(rest)


def _clean(data: bytes) -> str:
    return (strip_escapes(data) if b"\x1b" in data else data).decode("utf-8", "replace")


def _bound_process(seconds: float) -> None:
    """A signal ends even a regular expression that would take hours; the rest holds when nobody is there to kill it."""
    if resource is None:
        return
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    for limit, value in {resource.RLIMIT_CPU: math.ceil(seconds) + 2, resource.RLIMIT_AS: MEMORY}.items():
        hard = resource.getrlimit(limit)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (most, most))


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _LateError
