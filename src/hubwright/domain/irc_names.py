"""Names on IRC: which are the same. Pure."""

from __future__ import annotations

MAX_NAME = 100
"""Characters of a nick, an account or a channel that are kept; servers allow far fewer."""

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ[]\\~"
_LOWER = "abcdefghijklmnopqrstuvwxyz{}|^"
_FOLD = str.maketrans(_UPPER, _LOWER)


def fold_name(name: str) -> str:
    """The form in which equal names are equal, as RFC 1459 has it (servers that keep to ASCII tell more apart)."""
    return name[:MAX_NAME].translate(_FOLD)


def is_channel(name: str) -> bool:
    """Whether it names a channel, and could be one: no blank, no comma, no control character."""
    return len(name) > 1 and name[0] in "#&" and name.isprintable() and not set(name) & {" ", ",", ":"}
