"""Lines of a log as rows of HTML: number, text, and in attributes when it came; marks of groups as their titles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hubwright.domain.ansi import Painter, strip_escapes
from hubwright.domain.error_lines import find_errors, is_error
from hubwright.domain.log_groups import Title, may_have_title, read_title
from hubwright.domain.wording import word_duration
from hubwright.hub.log_times import Times

PAUSE = 10_000
"""Milliseconds without a line after which the next one tells how long it was."""


class PaintedLines:
    """Paints lines that follow each other: colours last, and moments are told where they change."""

    def __init__(self, times: Times, links: str) -> None:
        self._painter = Painter()
        self._times = times
        self._links = links
        self._moment: int | None = None
        self._told: int | None = None

    def resume(self, before: bytes) -> None:
        """Go on in the colours that the end of what stands before has left."""
        if b"\x1b" in before:
            self._painter.resume(before.decode("utf-8", "replace"))

    def paint(self, first: int, placed: Sequence[tuple[int, bytes]], start: int) -> Iterator[str]:
        """The rows of lines, each with the byte where it begins, from the one at `start` on: its number is `first`."""
        if start:
            self._moment = self._times.at(placed[start - 1][0])
        errors = _find_errors(placed)
        for at in range(start, len(placed)):
            offset, line = placed[at]
            title = None
            if not self._links and may_have_title(line):
                before = placed[at - 1][1] if at else b""
                title = read_title(line, before, placed[at + 1][1] if at + 1 < len(placed) else b"")
            told = self._tell(self._times.at(offset))
            yield self._paint(first + at - start, line, title, told, " err" if at in errors else "")

    def _tell(self, moment: int | None) -> str:
        before, self._moment = self._moment, moment
        if moment is None or moment == self._told:
            return ""
        self._told = moment
        paused = before is not None and moment - before > PAUSE
        gap = f' data-gap="+{word_duration((moment - (before or 0)) / 1000)}"' if paused else ""
        return f' data-t="{moment}"{gap}'

    def _paint(self, number: int, line: bytes, title: Title | None, told: str, marked: str) -> str:
        if title is None:
            html = self._painter.paint(line.decode("utf-8", "replace"))
            return _write_row(number, self._links, marked, told, html)
        if not title.begins:
            return _write_row(number, self._links, " end", told, "")
        words = self._painter.paint(line[title.start :].decode("utf-8", "replace")) or "Group"
        return _write_row(number, self._links, " head", told, _TOGGLE + words)


_TOGGLE = (
    '<button type="button" class="toggle scripted" aria-expanded="true" aria-label="Lines of this group"></button>'
)


def write_line(painter: Painter, number: int, line: bytes, links: str, marked: str) -> str:
    """A line of its own with its number, which leads to `links`; `marked` are classes, each after a space."""
    marked += " err" if is_error(strip_escapes(line)) else ""
    row = _write_row(number, links, marked, "", painter.paint(line.decode("utf-8", "replace")))
    return row.replace(_UNREACHED, f'aria-label="Line {number}"', 1)


def _find_errors(placed: Sequence[tuple[int, bytes]]) -> set[int]:
    """Which of the lines tell errors, by their place; looked for in all at once, which is quicker than in each."""
    text = b"\n".join(line for _, line in placed) + b"\n"
    found: set[int] = set()
    at = counted = 0
    for begin in find_errors(text):
        at += text.count(b"\n", counted, begin)
        counted = begin
        found.add(at)
    return found


_UNREACHED = 'tabindex="-1" aria-hidden="true"'
"""For numbers of lines: thousands of them are no stops for the tabulator."""


def _write_row(number: int, links: str, marked: str, told: str, html: str) -> str:
    place = "" if links else f' id="L{number}"'
    return (
        f'<div class="l{marked}"{place}{told}><a href="{links}#L{number}" data-n="{number}" {_UNREACHED}></a>'
        f"<span>{html}</span></div>\n"
    )
