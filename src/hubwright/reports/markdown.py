"""Text from outside in GitHub's Markdown: shown as it is, never obeyed. Pure.

In code nothing is a link, an image or a mention. https://github.github.com/gfm/#code-spans
"""

from __future__ import annotations

import re

from hubwright.domain.wording import make_visible

_TICKS = re.compile("`+")


def write_code(text: str, limit: int = 300) -> str:
    """One line of code; what is longer than `limit` characters is cut."""
    line = " ".join(make_visible(text).split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    fence = "`" * (_longest_ticks(line) + 1)
    return f"{fence} {line} {fence}" if "`" in line or not line else f"{fence}{line}{fence}"


def write_cell(text: str, limit: int = 300) -> str:
    """The same within a table, which ends a cell at every bar."""
    return write_code(text.replace("|", "¦"), limit)


def write_block(text: str, limit: int = 2_000) -> str:
    """Lines of code."""
    shown = make_visible(text).strip("\n")
    shown = shown if len(shown) <= limit else shown[: limit - 1] + "…"
    fence = "`" * max(3, _longest_ticks(shown) + 1)
    return f"{fence}text\n{shown}\n{fence}"


def write_link(words: str, url: str) -> str:
    """A link; `words` are ours."""
    return f"[{words}]({url})"


def _longest_ticks(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)
