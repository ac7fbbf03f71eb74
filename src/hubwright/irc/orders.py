"""What people order of the bot, read from what they say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_WORDS = 40


@dataclass(frozen=True, slots=True)
class Order:
    """A command in lower case, and the words behind it."""

    name: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOrder:
    """`!build JOB [REF] [NAME=VALUE …]`."""

    job: str
    ref: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def read_order(text: str, nick: str, *, in_query: bool) -> Order | None:
    """`!build …`, `NICK: build …`, or in a query plain `build …`; None when nobody spoke to us."""
    words = text.split()[:MAX_WORDS]
    if not words:
        return None
    first, *rest = words
    if first.startswith("!"):
        return Order(first[1:].lower(), tuple(rest)) if len(first) > 1 else None
    if first.rstrip(":,").lower() == nick.lower() and first[-1] in ":,":
        return Order(rest[0].removeprefix("!").lower(), tuple(rest[1:])) if rest else Order("help")
    return Order(first.lower(), tuple(rest)) if in_query else None


def read_build_order(words: tuple[str, ...]) -> BuildOrder | str:
    """The order, or what is wrong with it in a sentence."""
    plain = [word for word in words if "=" not in word]
    if not 1 <= len(plain) <= 2 or any("=" in word for word in words[: len(plain)]):
        return "Say `!build JOB [BRANCH] [NAME=VALUE …]`."
    given = [word.partition("=") for word in words[len(plain) :]]
    names = [name for name, _, _ in given]
    if "" in names or len(set(names)) < len(names):
        return "Each parameter is NAME=VALUE, and is given once."
    return BuildOrder(
        job=plain[0],
        ref=plain[1] if len(plain) == 2 else None,
        parameters={name: value for name, _, value in given},
    )
