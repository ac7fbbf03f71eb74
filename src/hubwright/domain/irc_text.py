"""Texts that may be coloured on IRC: pieces with a look, so that nothing from outside can bring a look of its own.

https://modern.ircdocs.horse/formatting
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

_BOLD, _COLOUR, _RESET = "\x02", "\x03", "\x0f"
_INVISIBLE = frozenset("\u200b\u200c\u200d")
"""Spaces without width and joiners: they keep a nick from being pinged, and names of some languages need them."""


class Colour(Enum):
    """The colours of mIRC that can be read on light and on dark ground."""

    RED = "04"
    ORANGE = "07"
    GREEN = "03"
    BLUE = "12"
    PURPLE = "06"
    GREY = "14"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text and its look; `text` may come from outside."""

    text: str
    colour: Colour | None = None
    bold: bool = False


Text = str | Sequence[str | Piece]
"""What is to be said: plain, or in pieces."""


def clean(text: str) -> str:
    """One line without control characters: names from outside can neither end a line, colour it nor turn it around."""
    return "".join(one if one.isprintable() or one in _INVISIBLE else " " for one in text)


def paint(text: Text, *, colours: bool) -> str:
    """The text as it is sent: every piece cleaned; without `colours` plain, which loses no word."""
    pieces = [text] if isinstance(text, str) else text
    return "".join(_paint(piece, colours=colours) for piece in pieces)


def _paint(piece: str | Piece, *, colours: bool) -> str:
    if isinstance(piece, str):
        return clean(piece)
    text = clean(piece.text)
    if not colours or not text or not (piece.colour or piece.bold):
        return text
    # two bolds, that is none: digits and commas behind a number would belong to the colour
    start = f"{_COLOUR}{piece.colour.value}{_BOLD}{_BOLD}" if piece.colour else ""
    return f"{start}{_BOLD if piece.bold else ''}{text}{_RESET}"
