"""The few shapes that a build file is described in; reader and JSON Schema are both made from such a description."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NOT_BLANK = r"[\s\S]*\S[\s\S]*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A scalar, taken as the text that was written.

    The whole text must match `pattern`, be one of `choices` if there are any, and have at most `most` characters.
    `expected` completes the sentence "… must be". `dormant` are choices that this version never meets.
    """

    expected: str = "text"
    pattern: str = NOT_BLANK
    choices: tuple[str, ...] = ()
    most: int = 1000
    dormant: tuple[str, ...] = ()

    def accepts(self, text: str) -> bool:
        """Whether this text is allowed here."""
        if len(text) > self.most:
            return False
        return text in self.choices if self.choices else re.fullmatch(self.pattern, text) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """A list of `least` to `most` things of one shape; with `distinct`, its tables share no key (case aside)."""

    item: Shape
    expected: str = "a list"
    least: int = 1
    most: int = 64
    distinct: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """A key of a table. `later` says, in a sentence, what this version leaves undone where the key is given."""

    shape: Shape
    about: str = ""
    later: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A mapping: the known `fields`, and when `names` is set any other key that it accepts, holding `values`.

    `surplus` is said when there are more than `most` keys.
    """

    expected: str = "a mapping"
    fields: dict[str, Field] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    names: Text | None = None
    values: Shape | None = None
    least: int = 0
    most: int = 100
    surplus: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Either:
    """What is written decides which shape holds: plain text, a list or a mapping."""

    expected: str
    text: Text | None = None
    items: Items | None = None
    table: Table | None = None


Shape = Text | Items | Table | Either


def texts(item: Text, most: int = 64) -> Either:
    """One text or a list of them."""
    return Either(expected=f"{item.expected}, or a list", text=item, items=Items(item=item, most=most))
