"""What people say on IRC as safe HTML: its formatting becomes classes, its addresses links, all else is shown. Pure.

https://modern.ircdocs.horse/formatting
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from zlib import crc32

from hubwright.domain.ansi import PLAIN, Style, nearest_colour, write_pieces

_CODE = re.compile(
    r"\x03(?:(?P<fore>\d{1,2})(?:,(?P<back>\d{1,2}))?)?"
    r"|\x04(?:(?P<hex_fore>[0-9a-fA-F]{6})(?:,(?P<hex_back>[0-9a-fA-F]{6}))?)?"
    r"|[\x02\x0f\x11\x16\x1d\x1e\x1f]",
    re.ASCII,
)
_FLAGS = {"\x02": "b", "\x11": "m", "\x16": "v", "\x1d": "i", "\x1e": "s", "\x1f": "u"}
_COLOURS = (
    *(15, 0, 4, 2, 9, 1, 5, 3, 11, 10, 6, 14, 12, 13, 8, 7),
    *(52, 94, 100, 58, 22, 29, 23, 24, 17, 54, 53, 89),
    *(88, 130, 142, 64, 28, 35, 30, 25, 18, 91, 90, 125),
    *(124, 166, 184, 106, 34, 49, 37, 33, 19, 129, 127, 161),
    *(196, 208, 226, 154, 46, 86, 51, 75, 21, 171, 201, 198),
    *(203, 215, 227, 191, 83, 122, 87, 111, 63, 177, 207, 205),
    *(217, 223, 229, 193, 157, 158, 159, 153, 147, 183, 219, 212),
    *(16, 233, 235, 237, 239, 241, 244, 247, 250, 254, 231),
)
"""Those of mIRC, 0-98, among the 256 of terminals; 99 is the page's own."""

_ADDRESS = re.compile(r"\bhttps?://[^\s<>\"`]{1,1000}", re.IGNORECASE)
_BEHIND = ".,;:!?'"
"""What ends a sentence, not the address in it."""

NICK_COLOURS = (1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14)
"""Of the palette; greys are for what nobody said."""


def paint_said(text: str) -> str:
    """A line as HTML: formatting as classes, addresses of http and https as links, nothing hidden in it."""
    return write_pieces(_link(_style(text)), cut=False)


def strip_codes(text: str) -> str:
    """The line without its formatting."""
    return _CODE.sub("", text)


def colour_of(nick: str) -> int:
    """The palette's number for a nick: the same in every log, whatever its case."""
    return NICK_COLOURS[crc32(nick.rstrip("_").lower().encode("utf-8", "replace")) % len(NICK_COLOURS)]


def _style(text: str) -> Iterator[tuple[str, Style]]:
    style, end = PLAIN, 0
    for code in _CODE.finditer(text):
        if code.start() > end:
            yield text[end : code.start()], _readable(style)
        style, end = _restyle(style, code), code.end()
    if end < len(text):
        yield text[end:], _readable(style)


def _readable(style: Style) -> Style:
    """On a ground of its own a text has the page's colour: of two that somebody chose nobody knows whether they go."""
    return style if style.background is None else style._replace(foreground=None)


def _restyle(style: Style, code: re.Match[str]) -> Style:
    kind = code[0][0]
    if kind == "\x0f":
        return PLAIN
    if kind in _FLAGS:
        return style._replace(flags=style.flags ^ {_FLAGS[kind]})
    if code[0] == kind:
        return style._replace(foreground=None, background=None)
    fore, back = (code[name] for name in (("fore", "back") if kind == "\x03" else ("hex_fore", "hex_back")))
    return style._replace(foreground=_colour(fore), background=style.background if back is None else _colour(back))


def _colour(told: str) -> int | None:
    if len(told) == 6:
        return nearest_colour(*bytes.fromhex(told))
    return _COLOURS[int(told)] if int(told) < len(_COLOURS) else None


def _link(pieces: Iterator[tuple[str, Style]]) -> Iterator[tuple[str, Style]]:
    for text, style in pieces:
        end = 0
        for found in _ADDRESS.finditer(text):
            address = _trim(found[0])
            yield text[end : found.start()], style
            yield address, style._replace(link=address)
            end = found.start() + len(address)
        yield text[end:], style


def _trim(address: str) -> str:
    """Without what stands behind it; a bracket belongs to it when it was opened in it."""
    while address[-1] in _BEHIND or (address[-1] == ")" and address.count(")") > address.count("(")):
        address = address[:-1]
    return address
