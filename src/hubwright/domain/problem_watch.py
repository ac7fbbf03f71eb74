"""Watches the output of a stage for problems while it streams by. Pure, bounded, and quick: most bytes are only
searched for a few words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hubwright.domain.ansi import strip_escapes
from hubwright.domain.problem_commands import read_command
from hubwright.domain.problem_matchers import match_line
from hubwright.domain.problems import Found, Problem

_WORDS = (
    *(b"rror", b"arning", b"RROR", b"FAILED ", b".py:", b".go:", b" --> ", b"panic: ", b"Traceback (most"),
    *(b"undefined reference", b"::notice", b"[WARNING]"),
)
"""Each line that a matcher takes has one of these in it; searching words is a hundred times faster than patterns."""

_WORDS_LATER = (b"rror",)

_EAGER = 16 * 1024 * 1024  # bytes of a stage in which all words are searched; then only errors are
_BATCH = 256 * 1024
_AHEAD = 16 * 1024  # bytes behind a line that its matcher may look at, and before it
_LONGEST = 4_000
_MOST_LINES = 20_000  # suspects of a stage that are matched before only errors are; then twice as many of those


class ProblemWatch:
    """Fed with a log in pieces, gives the problems of each stage.

    `roots` are the addresses of the workspace; the first `limit` bytes of the log are kept where they are, so that a
    problem's offset is known there.
    """

    def __init__(self, roots: Sequence[str], limit: int) -> None:
        self._roots = roots
        self._limit = limit
        self._found = Found()
        self._pieces: list[bytes] = []
        self._size = 0
        self._text = b""  # what was searched last, as far as a neighbour may look back at it
        self._done = 0  # how much of it was searched
        self._start = 0  # where it begins in the log
        self._seen = 0
        self._suspects = 0
        self._settled = 0  # how far the log went when somebody looked last

    def feed(self, data: bytes) -> None:
        """The next bytes of the log."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= _BATCH:
            text = self._join()
            self._search(text, self._whole_lines(text))

    def look(self) -> list[Problem]:
        """The stage goes on: what is new among the lines that were there already when this was called last.

        The lines behind them have come meanwhile, so that a matcher that looks ahead sees what it will see at the end.
        """
        settled, self._settled = self._settled, self._start + len(self._text) + self._size
        text = self._join()
        self._search(text, text.rfind(b"\n", self._done, max(settled - self._start, self._done)) + 1)
        return self._found.take_new()

    def finish(self) -> tuple[list[Problem], int]:
        """The stage has ended: its problems that `look` has not told, and how many more there were."""
        text = self._join()
        self._search(text, len(text))
        left_out = self._found.left_out
        problems = self._found.take()
        self._seen = self._suspects = 0
        return problems, left_out

    def _join(self) -> bytes:
        self._text = b"".join([self._text, *self._pieces])
        self._seen += self._size
        self._pieces, self._size = [], 0
        return self._text

    def _whole_lines(self, text: bytes) -> int:
        """Up to where lines have enough behind them."""
        until = text.rfind(b"\n", self._done, max(len(text) - _AHEAD, self._done)) + 1
        if until <= self._done:  # one line without an end
            until = self._done if len(text) - self._done < 4 * _BATCH else len(text)
        return until

    def _search(self, text: bytes, until: int) -> None:
        if until <= self._done:
            return
        eager = self._seen <= _EAGER and self._suspects <= _MOST_LINES
        if not self._found.full and self._suspects <= 3 * _MOST_LINES:
            for begin in _suspects(text, self._done, until, _WORDS if eager else _WORDS_LATER):
                self._match(text, begin)
        keep = max(until - _AHEAD, 0)
        self._text, self._done = text[keep:], until - keep
        self._start += keep

    def _match(self, text: bytes, begin: int) -> None:
        self._suspects += 1
        around = _Lines(text, begin)
        if around.line is None:
            return
        problem = read_command(around.line) or match_line(around, self._roots)
        if problem is None or (
            problem.matcher == "pytest" and problem.line is None and self._found.names("pytest", problem.file)
        ):
            return
        at = self._start + begin
        self._found.add(problem._replace(offset=at if at < self._limit else None))


def _suspects(text: bytes, start: int, end: int, words: Sequence[bytes]) -> list[int]:
    """Where the lines begin that have one of the words in them, in their order."""
    found: set[int] = set()
    for word in words:
        at = text.find(word, start, end)
        while at >= 0:
            found.add(text.rfind(b"\n", start, at) + 1 or start)
            following = text.find(b"\n", at, end)
            at = text.find(word, following, end) if following >= 0 else -1
    return sorted(found)


class _Lines:
    """A line of a text and its neighbours, cleaned when they are asked for."""

    def __init__(self, text: bytes, begin: int) -> None:
        self._text = text
        self._begin = begin
        self._end = _end_of_line(text, begin)
        self.line = _clean(text[begin : self._end]) if self._end - begin <= 4 * _LONGEST else ""

    def after(self, count: int) -> list[str]:
        """The lines behind it."""
        return list(self._after(count))

    def _after(self, count: int) -> Iterator[str]:
        at, bound = self._end + 1, min(len(self._text), self._end + _AHEAD)
        for _ in range(count):
            if at >= bound:
                return
            end = _end_of_line(self._text, at)
            yield _clean(self._text[at:end])
            at = end + 1

    def before(self, count: int) -> list[str]:
        """The lines before it, the nearest first."""
        return list(self._before(count))

    def _before(self, count: int) -> Iterator[str]:
        end, bound = self._begin - 1, max(0, self._begin - _AHEAD)
        for _ in range(count):
            if end <= bound:
                return
            begin = self._text.rfind(b"\n", bound, end) + 1
            yield _clean(self._text[max(begin, bound) : end])
            end = begin - 1


def _end_of_line(text: bytes, at: int) -> int:
    end = text.find(b"\n", at)
    return len(text) if end < 0 else end


def _clean(line: bytes) -> str:
    """As a terminal would have left it, bounded."""
    if b"\x1b" in line:
        line = strip_escapes(line)
    line = line.rstrip(b"\r")
    if b"\r" in line:
        line = line[line.rfind(b"\r") + 1 :]
    return line[:_LONGEST].decode("utf-8", "replace")
