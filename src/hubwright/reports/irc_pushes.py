"""Pushes and troubles, told to a channel: each once, in a line what nobody wants to hear whole. Pure but `say`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from hubwright.domain.irc_news import News
from hubwright.domain.irc_text import Text
from hubwright.reports.irc_texts import write_push, write_pushes, write_trouble

FRESH = 600.0
"""Seconds for which news are told whole; what could not be told for longer is summed up."""

MAX_WHOLE = 10
"""Pushes that wait for a channel and are told commit by commit; of more, each branch is one line."""

REMEMBERED = 200
"""Branches and tags of which a channel's memory has the newest push."""


class Say(Protocol):
    """Says a line to the channel. Who asked for it is called by name: when it is `important`, or they are among the
    `people` whom it concerns, logins at GitHub.
    """

    def __call__(self, line: Text, /, *, important: bool = False, people: Collection[str] = ()) -> None:
        """Raises OutletError, OutletRefusedError."""


def tell_pushes(bodies: Sequence[dict[str, Any]], said: dict[str, Any], say: Say, now: float) -> None:
    """Oldest first. `said` has the newest push of each ref that was told, and how many lines of it."""
    heads: dict[str, list[Any]] = said.setdefault("heads", {})
    for portion in _fold(bodies, now):
        push = portion[-1]["push"]
        ref = f"{push.get('repository')} {push.get('ref')}"
        mark = f"{push.get('before')}..{push.get('after')}"
        told = heads[ref][1] if heads.get(ref, [""])[0] == mark else 0
        for line in _write(portion, short=len(bodies) > MAX_WHOLE)[told:]:
            say(line)
            told += 1
            _note(heads, ref, [mark, told])
        _note(heads, ref, [mark, told])


def tell_troubles(bodies: Sequence[dict[str, Any]], said: dict[str, Any], say: Say) -> None:
    """What the hub could not do, the newest; how many others there are."""
    told: list[float] = said.setdefault("told", [])
    fresh = [body for body in bodies if body["at"] not in told]
    if fresh:
        say(write_trouble(fresh[-1]["text"], len(fresh) - 1))
    told += [body["at"] for body in fresh]
    del told[:-REMEMBERED]


def _fold(bodies: Sequence[dict[str, Any]], now: float) -> list[list[dict[str, Any]]]:
    """Fresh pushes alone; those of a ref that came too long ago, or with too many, where the last of them stood."""
    crowded = len(bodies) > MAX_WHOLE
    folded: dict[object, list[dict[str, Any]]] = {}
    for number, body in enumerate(bodies):
        old = crowded or now - body["at"] > FRESH
        key: object = (body["push"].get("repository"), body["push"].get("ref")) if old else number
        folded[key] = [*folded.pop(key, ()), body]
    return list(folded.values())


def _write(portion: Sequence[dict[str, Any]], *, short: bool) -> list[str]:
    if len(portion) > 1 or (short and portion[0]["push"].get("new", 0) > 1):
        return [write_pushes([body["push"] for body in portion])]
    body = portion[0]
    return write_push(body["push"], refs=News.REFS in body["news"], commits=News.COMMITS in body["news"])


def _note(heads: dict[str, list[Any]], ref: str, mark: list[Any]) -> None:
    heads.pop(ref, None)
    heads[ref] = mark
    while len(heads) > REMEMBERED:
        del heads[next(iter(heads))]
