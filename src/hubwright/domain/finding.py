"""Finding things by some letters of their names, as people type them into a search box."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

MAX_QUERY = 200
"""Characters of a question that count."""

_NUMBERED = re.compile(r"(?P<name>.*?)\s*#?(?P<number>\d{1,15})", re.DOTALL)
_SHA = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)
_PARTS = re.compile(r"[/\s._:-]+")

Item = TypeVar("Item")


class Wanted(NamedTuple):
    """A question, read: all `words` are to be in a name, or in `named` where a `number` of such a thing is meant."""

    text: str
    words: tuple[str, ...]
    named: tuple[str, ...]
    number: int | None
    sha: str | None


def read_query(text: str) -> Wanted:
    """What somebody may mean: `core/engine`, `engine 38`, `core/engine#38`, `#38`, the start of a commit's name."""
    text = text.replace("\0", " ").strip()[:MAX_QUERY].strip()
    numbered = _NUMBERED.fullmatch(text)
    return Wanted(
        text=text,
        words=tuple(text.casefold().split()),
        named=tuple(numbered["name"].casefold().split()) if numbered else (),
        number=int(numbered["number"]) if numbered else None,
        sha=text.lower() if _SHA.fullmatch(text) else None,
    )


def rank(words: Iterable[str], name: str) -> tuple[int, int, str] | None:
    """How well a name fits, less is better; None where a word is not in it. Words are in lower case."""
    lower, badness = name.casefold(), 0
    parts = _PARTS.split(lower)
    for word in words:
        if word not in lower:
            return None
        if word in (lower, parts[-1]):
            continue
        badness += 1 if parts[-1].startswith(word) else 2 if any(part.startswith(word) for part in parts) else 3
    return badness, len(name), lower


def find_best(words: tuple[str, ...], items: Iterable[Item], name_of: Callable[[Item], str], limit: int) -> list[Item]:
    """The `limit` items whose names fit best, best first; none for no words."""
    if not words:
        return []
    ranked = ((rank(words, name_of(item)), item) for item in items)
    found = [(place, item) for place, item in ranked if place is not None]
    return [item for _, item in sorted(found, key=lambda one: one[0])[:limit]]
