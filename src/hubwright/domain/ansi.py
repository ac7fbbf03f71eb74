"""Terminal output, line by line, as safe HTML: colours become classes, every other escape is dropped.

Nothing of the output reaches the page unescaped; links only where they lead to http or https.
https://invisible-island.net/xterm/ctlseqs/ctlseqs.html https://gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape
from itertools import groupby
from typing import NamedTuple

from hubwright.domain.wording import make_visible

MAX_WIDTH = 4_000
"""Characters of a line that are shown; the raw log has the rest."""

_MAX_RAW = 16 * MAX_WIDTH  # what is looked at to fill them: escapes and overwritten progress bars need room

_TOKEN = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b\](?P<osc>[^\x07\x1b\n]*)(?:\x07|\x1b\\)?"
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|(?P<move>[\r\b])"
    r"|[\x07\x0e\x0f]"
)
_MOVING = re.compile(r"[\r\b]|\x1b\[[0-?]*[CDGJPX@`]|\x1b\[[12]K")
_LINK = re.compile(r"https?://[^\s\"<>]{1,2000}\Z", re.IGNORECASE)

_ON = {1: "b", 2: "d", 3: "i", 4: "u", 7: "v", 9: "s", 21: "u"}
_OFF = {22: "bd", 23: "i", 24: "u", 27: "v", 29: "s"}


class Style(NamedTuple):
    """How text looks: colours 0-255 or None for the page's own, `flags` out of `bdiuvs`, and where it links to."""

    foreground: int | None = None
    background: int | None = None
    flags: frozenset[str] = frozenset()
    link: str | None = None


PLAIN = Style()


class Painter:
    """Turns the lines of one log, in their order, into HTML; colours last until they are reset, over lines too."""

    def __init__(self) -> None:
        self._style = PLAIN

    def paint(self, line: str) -> str:
        """The line without its newline as HTML; overwritten characters (`\\r`, `\\b`) are gone, long ones are cut."""
        line = line.rstrip("\r")
        if line.isascii() and line.isprintable() and self._style == PLAIN and len(line) <= MAX_WIDTH:
            return escape(line)  # most lines: nothing in them means anything
        cut = len(line) > _MAX_RAW
        line = line[:_MAX_RAW]
        if not _TOKEN.search(line):
            pieces: Iterable[tuple[str, Style]] = [(line, self._style)]
        elif _MOVING.search(line):
            pieces = self._overwrite(line)
        else:
            pieces = self._append(line)
        return write_pieces(pieces, cut=cut)

    def resume(self, before: str) -> None:
        """Take the colours and the link over that are left at the end of `before`, which is not painted."""
        for token in _TOKEN.finditer(before):
            self._style = _restyle(self._style, token)

    def _append(self, line: str) -> Iterator[tuple[str, Style]]:
        end = 0
        for token in _TOKEN.finditer(line):
            if token.start() > end:
                yield line[end : token.start()], self._style
            self._style = _restyle(self._style, token)
            end = token.end()
        if end < len(line):
            yield line[end:], self._style

    def _overwrite(self, line: str) -> Iterator[tuple[str, Style]]:
        row = _Row()
        end = 0
        for token in _TOKEN.finditer(line):
            row.write(line[end : token.start()], self._style)
            self._style = _restyle(self._style, token)
            row.move(token)
            end = token.end()
        row.write(line[end:], self._style)
        for style, cells in groupby(row.cells, key=lambda cell: cell[1]):
            yield "".join(char for char, _ in cells), style


class _Row:
    """A terminal's row with a cursor."""

    def __init__(self) -> None:
        self.cells: list[tuple[str, Style]] = []
        self._at = 0

    def write(self, text: str, style: Style) -> None:
        fresh = [(char, style) for char in text]
        if fresh and self._at > len(self.cells):
            self.cells.extend([(" ", PLAIN)] * (self._at - len(self.cells)))
        self.cells[self._at : self._at + len(fresh)] = fresh
        self._at += len(fresh)

    def move(self, token: re.Match[str]) -> None:
        if (step := token["move"]) is not None:
            self._at = 0 if step == "\r" else max(0, self._at - 1)
            return
        number = _number(token["parameters"] or "")
        match token["final"]:
            case "C":
                self._at = min(self._at + max(number, 1), MAX_WIDTH)
            case "D":
                self._at = max(self._at - max(number, 1), 0)
            case "G" | "`":
                self._at = min(max(number, 1), MAX_WIDTH) - 1
            case "K":
                self._erase(number)

    def _erase(self, which: int) -> None:
        if which == 2:
            self.cells.clear()
        elif which == 1:
            self.cells[: self._at + 1] = [(" ", PLAIN)] * min(self._at + 1, len(self.cells))
        else:
            del self.cells[self._at :]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _restyle(style: Style, token: re.Match[str]) -> Style:
    if token["final"] == "m":
        return _select(style, token["parameters"])
    osc = token["osc"]
    if osc is not None and osc.startswith("8;"):
        target = osc[2:].partition(";")[2]
        return style._replace(link=target if _LINK.match(target) else None)
    return style


@lru_cache(maxsize=4096)
def _select(style: Style, parameters: str) -> Style:
    """SGR, "select graphic rendition"; an unknown code changes nothing."""
    codes = iter(parameters.split(";"))
    for code in codes:
        if ":" in code:
            style = _extended(style, code.split(":"))
        elif (number := _number(code)) in (38, 48):
            kind = next(codes, "")
            rest = [next(codes, "") for _ in range({"5": 1, "2": 3}.get(kind, 0))]
            style = _extended(style, [code, kind, *rest])
        else:
            style = _simple(style, number)
    return style


def _simple(style: Style, code: int) -> Style:
    if code == 0:
        return Style(link=style.link)
    if code in _ON or code in _OFF:
        return style._replace(flags=(style.flags | set(_ON.get(code, ""))) - set(_OFF.get(code, "")))
    for start, first in ((30, 0), (90, 8)):
        if start <= code <= start + 7:
            return style._replace(foreground=code - start + first)
        if start + 10 <= code <= start + 17:
            return style._replace(background=code - start - 10 + first)
    if code in (39, 49):
        return style._replace(foreground=None) if code == 39 else style._replace(background=None)
    return style


def _extended(style: Style, parts: list[str]) -> Style:
    """`38;5;N`, `38;2;R;G;B` and their forms with colons; true colours become the nearest of the 256."""
    kind = parts[1] if len(parts) > 1 else ""
    if parts[0] == "4":
        return _simple(style, 24 if kind == "0" else 4)
    if kind == "5" and len(parts) >= 3:
        colour = _number(parts[2]) if parts[2] else -1
    elif kind == "2" and len(parts) >= 5:
        colour = nearest_colour(*(min(_number(part), 255) for part in parts[-3:]))
    else:
        return style
    if not 0 <= colour <= 255:
        return style
    return style._replace(foreground=colour) if parts[0] == "38" else style._replace(background=colour)


def nearest_colour(red: int, green: int, blue: int) -> int:
    """The nearest of xterm's colours 16-255: a cube of 6 by 6 by 6 and 24 greys."""
    steps = [0 if value < 48 else 1 if value < 115 else (value - 35) // 40 for value in (red, green, blue)]
    cube = 16 + 36 * steps[0] + 6 * steps[1] + steps[2]
    grey = 232 + min(max((red + green + blue) // 3 - 3, 0) // 10, 23)
    return min((cube, grey), key=lambda colour: _distance(rgb_of(colour), (red, green, blue)))


def rgb_of(colour: int) -> tuple[int, int, int]:
    """Red, green and blue of xterm's colour 16-255."""
    if colour >= 232:
        value = 8 + 10 * (colour - 232)
        return value, value, value
    red, green, blue = ((colour - 16) // 36, (colour - 16) // 6 % 6, (colour - 16) % 6)
    return tuple(0 if step == 0 else 55 + 40 * step for step in (red, green, blue))  # type: ignore[return-value]


def _distance(one: tuple[int, int, int], other: tuple[int, int, int]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def write_pieces(pieces: Iterable[tuple[str, Style]], *, cut: bool) -> str:
    """Pieces of one line as HTML, each in its style; `cut` says in the end that something is missing."""
    html: list[str] = []
    room = MAX_WIDTH
    for text, style in pieces:
        shown = text[:room]
        room -= len(shown)
        cut = cut or len(shown) < len(text)
        opening, closing = _tags(style)
        html.append(f"{opening}{escape(make_visible(shown))}{closing}")
    return "".join(html) + ('<span class="cut">… cut, see the raw log</span>' if cut else "")


@lru_cache(maxsize=4096)
def _tags(style: Style) -> tuple[str, str]:
    if style == PLAIN:
        return "", ""
    classes = sorted(style.flags)
    classes += [f"f{style.foreground}"] if style.foreground is not None else []
    classes += [f"g{style.background}"] if style.background is not None else []
    marked = f' class="{" ".join(classes)}"' if classes else ""
    if style.link is None:
        return (f"<span{marked}>", "</span>") if classes else ("", "")
    return f'<a{marked} href="{escape(style.link)}" rel="noopener nofollow noreferrer" target="_blank">', "</a>"


_ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?|\x1b[ -/]*[0-~]?"
)


def strip_escapes(data: bytes) -> bytes:
    """The output without its escapes, as a search or a plain reader wants it."""
    return _ESCAPES.sub(b"", data)
