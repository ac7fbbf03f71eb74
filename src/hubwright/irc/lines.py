"""Lines of IRC: what comes is read without failing, what goes can be no other line than was meant. Pure.

https://modern.ircdocs.horse/#client-to-server-protocol-structure
"""

from __future__ import annotations

import re

from irctokens.line import Line, tokenise

from hubwright.domain.irc_text import Text, clean, paint
from hubwright.irc.events import Kind

MAX_LINE = 512
"""Bytes of a line with its end, tags not counted."""

UNKNOWN_PREFIX = 120
"""Bytes that servers put before what we say, `:nick!user@host `, as long as we don't know ours."""

_TARGET = re.compile(r"[#&][^\s,\x00-\x1f\x7f]*|[^\s,:!@*?$.#&+~%\x00-\x1f\x7f][^\s,!@*?.\x00-\x1f\x7f]*")
_LONGEST_WORD = 200  # bytes of a parameter that is not the last: as `is_target` has it
_CUT_CODE = re.compile(r"\x03[0-9]?(?=…?$)")


def read_line(data: bytes) -> Line | None:
    """A line without its end; None for what is none."""
    try:
        return tokenise(data)
    except (ValueError, IndexError):  # UnicodeDecodeError of tags is a ValueError
        return None


def write_line(command: str, *words: str) -> bytes:
    """A command with its parameters, cleaned and cut; only the last may have blanks."""
    *first, last = words
    middle = [cut(clean(word).replace(" ", ""), _LONGEST_WORD) for word in first]
    start = " ".join([command, *middle, ":"]).encode()
    return start + cut(clean(last), MAX_LINE - 2 - len(start)).encode() + b"\r\n"


def write_said(
    target: str, text: Text, kind: Kind = Kind.NOTICE, *, colours: bool = False, prefix: int = UNKNOWN_PREFIX
) -> bytes:
    """What is said to a channel or nick (`is_target`), short enough to reach its readers whole behind their `prefix`.

    A bot says NOTICEs, which no other bot answers.
    """
    start = f"{'NOTICE' if kind is Kind.NOTICE else 'PRIVMSG'} {target} :".encode()
    painted = paint(text, colours=colours)
    short = cut(painted, MAX_LINE - 2 - prefix - len(start))
    return start + (short if short == painted else _CUT_CODE.sub("", short)).encode() + b"\r\n"


def is_target(name: str) -> bool:
    """Whether it can be one channel or one nick: no list of targets, no mask, nothing that ends a parameter."""
    return len(name.encode("utf-8", "replace")) <= 200 and _TARGET.fullmatch(name) is not None


def cut(text: str, most: int) -> str:
    """The text in at most so many bytes of UTF-8, an ellipsis at its end when something is missing."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return data.decode()
    mark = "…".encode()
    return (data[: max(0, most - len(mark))].decode("utf-8", "ignore") + mark.decode()) if most >= len(mark) else ""
