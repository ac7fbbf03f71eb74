"""Where a log tells what went wrong: the lines that compilers, interpreters and test runners mark as errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hubwright.domain.ansi import strip_escapes

_STRONG = (
    rb"[^\s:][^:\n]*:\d+(?::\d+)?: (?:fatal |internal compiler )?error\b",  # gcc, clang, mypy
    rb"[^\s(][^(\n]*\(\d+(?:,\d+)?\): (?:fatal )?error\b",  # msvc, tsc, csc
    rb"[^\s:]+\.go:\d+:\d+: ",  # go build and vet
    rb"[^\n]*: undefined reference to ",  # ld
    rb"(?:\S*/)?(?:ld|ld64|lld)(?:\.\w+)?: (?!warning)",
    rb"error(?:\[E\d+\])?: (?!aborting|could not compile)",  # rustc, cargo
    rb"thread '[^'\n]*' (?:\(\d+\) )?panicked at",
    rb"test \S+ \.\.\. FAILED",
    rb"E   +\S",  # pytest's reasons
    rb"Traceback \(most recent call last\)",
    rb"(?:FAIL|ERROR): test\w* \(",  # unittest
    rb"[ \t]*--- FAIL: ",  # go test
    rb"panic: ",
    rb"[ \t]*not ok \d",  # TAP
    rb"[^\n]*\*\*\*(?:Failed|Exception|Timeout|Not Run)",  # ctest
    rb"[^\n]*\b[Aa]ssertion [^\n]*failed",
    rb"[^\n]*\bAssertionError\b",
    rb"==\d+==\s*ERROR: ",  # sanitizers, valgrind
    rb"[^\n]*[Ss]egmentation fault",
    rb"::error\b|##\[error\]",  # annotations
    rb"\[ *FAILED *\] ",  # googletest
    rb"FAIL(?:ED)?:? \S",
)
_WEAK = (
    rb"[^\n]*\bmake(?:\[\d+\])?: \*\*\* ",
    rb"[ \t]*(?i:error|fatal|fail(?:ed|ure)?)\b ?[:!] ?\S",
    rb"npm (?i:err!|error)",
    rb"[^\n]*: (?:command )?not found\s*$",
    rb"[^\n]*No such file or directory",
    rb"[\w.]+(?:Error|Exception): ",
    rb"Killed\s*$",
    rb"[^\n]*BUILD FAILED",
)
_STRONG_LINE = re.compile(rb"^(?:" + rb"|".join(_STRONG) + rb")", re.MULTILINE)
_WEAK_LINE = re.compile(rb"^(?:" + rb"|".join(_WEAK) + rb")", re.MULTILINE)

_WORDS = (
    *(
        b"error",
        b"fail",
        b"panic",
        b"not ok",
        b"assert",
        b"fatal",
        b"traceback",
        b"undefined reference",
        b"segmentation",
    ),
    *(b"killed", b"exception", b"***", b"not found", b"no such file", b".go:", b"ld: ", b"e   ", b"err!"),
)
"""Every pattern above needs one of these, in small letters; finding words is a hundred times faster than patterns."""

_WINDOW = 1024 * 1024
_LONGEST = 2_000


def is_error(line: bytes) -> bool:
    """Whether the line, without escapes, is one that says what went wrong."""
    if len(line) > _LONGEST:
        return False
    small = line.lower()
    return any(word in small for word in _WORDS) and _STRONG_LINE.match(line) is not None


def find_errors(text: bytes, start: int = 0) -> Iterator[int]:
    """The places (in bytes) from `start` on of the lines that `is_error` would take; escapes may be in the text."""
    for begin, end in _suspects(text, start):
        if _STRONG_LINE.match(strip_escapes(text[begin:end])):
            yield begin


def find_error(text: bytes) -> int | None:
    """The place (in bytes) of the first line that tells what went wrong; None when none does.

    `text` is without escapes. A compiler's or test's own message wins over the general ones, make's for example.
    """
    weak = None
    for begin, end in _suspects(text):
        if _STRONG_LINE.match(text, begin, end):
            return begin
        if weak is None and _WEAK_LINE.match(text, begin, end):
            weak = begin
    return weak


def _suspects(text: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
    """Begin and end of each line with a word of trouble in it, in their order."""
    while start < len(text):
        end = text.find(b"\n", start + _WINDOW) + 1 or len(text)
        yield from sorted(_suspects_in(start, text[start:end].lower()))
        start = end


def _suspects_in(start: int, small: bytes) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    for word in _WORDS:
        at = small.find(word)
        while at >= 0:
            begin = small.rfind(b"\n", 0, at) + 1
            end = small.find(b"\n", at)
            end = len(small) if end < 0 else end
            if end - begin <= _LONGEST:
                found.add((start + begin, start + end))
            at = small.find(word, end)
    return found
