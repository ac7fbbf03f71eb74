"""What people order of the bot, read from what they say. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MAX_WORDS = 40


@dataclass(frozen=True, slots=True)
class Order:
    """A command in lower case, and what stands behind it: as it is, and in words."""

    name: str
    text: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """At most MAX_WORDS."""
        return tuple(self.text.split()[:MAX_WORDS])


def read_order(text: str, nick: str, *, in_query: bool) -> Order | None:
    """`!build …`, `NICK: build …`, or in a query plain `build …`; None when nobody spoke to us."""
    first, rest = _split(text)
    if not first:
        return None
    if first.startswith("!"):
        return Order(first[1:].lower(), rest) if len(first) > 1 else None
    if first.rstrip(":,").lower() == nick.lower() and first[-1] in ":,":
        name, rest = _split(rest)
        return Order(name.removeprefix("!").lower(), rest) if name else Order("help")
    return Order(first.lower(), rest) if in_query else None


def _split(text: str) -> tuple[str, str]:
    """The first word, and what stands behind it."""
    first, _, rest = text.strip().partition(" ")
    return first, rest.strip()
