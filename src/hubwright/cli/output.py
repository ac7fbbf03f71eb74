"""How commands print: data on stdout, everything else on stderr, colour only on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence

import click

from hubwright.domain.wording import look_of, make_visible

_COLOURS = {
    "success": "green",
    "failure": "red",
    "error": "magenta",
    "timeout": "magenta",
    "running": "blue",
    "cancellation": "yellow",
}

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_line(text: str) -> None:
    """One line of data on stdout; colours go when it is no terminal or NO_COLOR is set."""
    click.echo(text, color=wants_colour())


def tell(text: str) -> None:
    """One line for the person, on stderr."""
    click.echo(text, err=True, color=wants_colour())


def wants_colour() -> bool:
    """https://no-color.org: NO_COLOR wins, then FORCE_COLOR, then whether a person reads it."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def signed(state: str, result: str | None) -> str:
    """The shape and word of a state, coloured: `✓ Passed`. The shape tells it to those who see no colour."""
    look = look_of(state, result)
    return click.style(f"{look.sign} {look.word}", fg=_COLOURS.get(look.kind))


def shown(text: object) -> str:
    """A name from outside on one line, with control characters made visible: it must not steer the terminal."""
    return make_visible(" ".join(str(text).split("\n")))


def print_table(rows: Iterable[Sequence[str]]) -> None:
    """Rows as columns, as wide as their widest cell."""
    table = [list(row) for row in rows]
    if not table:
        return
    widths = [max(len(click.unstyle(row[column])) for row in table) for column in range(len(table[0]))]
    for row in table:
        cells = [cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True)]
        print_line("  ".join(cells).rstrip())
