"""Lines of IRC: what comes is read without failing, what goes can be no other line than was meant. Pure.

https://modern.ircdocs.horse/#client-to-server-protocol-structure
"""

from __future__ import annotations

from irctokens.line import Line, tokenise

MAX_LINE = 512
"""Bytes of a line with its end, tags not counted."""

_PREFIX = 100
"""Bytes that servers put before what we say, at most: `:nick!user@host `."""


def read_line(data: bytes) -> Line | None:
    """A line without its end; None for what is none."""
    try:
        return tokenise(data)
    except (ValueError, IndexError):  # UnicodeDecodeError of tags is a ValueError
        return None


def write_line(command: str, *words: str) -> bytes:
    """A command with its parameters, cleaned and cut; only the last may have blanks."""
    *first, last = words
    middle = [_clean(word).replace(" ", "") for word in first]
    start = " ".join([command, *middle, ":"]).encode()
    return start + cut(_clean(last), MAX_LINE - 2 - len(start)).encode() + b"\r\n"


def write_notice(target: str, text: str) -> bytes:
    """What a bot says: a NOTICE, which no other bot answers; short enough to reach its readers whole."""
    room = MAX_LINE - 2 - _PREFIX - len(f"NOTICE {target} :".encode())
    return write_line("NOTICE", target, cut(_clean(text), room))


def cut(text: str, most: int) -> str:
    """The text in at most so many bytes of UTF-8, an ellipsis at its end when something is missing."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return data.decode()
    mark = "…".encode()
    return (data[: max(0, most - len(mark))].decode("utf-8", "ignore") + mark.decode()) if most >= len(mark) else ""


def _clean(text: str) -> str:
    """One line of text without control characters: names from outside can neither end a line nor colour it."""
    return "".join(one if one.isprintable() else " " for one in text)
