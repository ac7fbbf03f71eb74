"""How far the search got, added up over all of its runs, and the table of docs/security-testing.md."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import orjson

from fuzz.targets import TARGETS

FILE = Path(__file__).parent / "figures.json"
PAGE = Path(__file__).parents[2] / "docs" / "security-testing.md"
BEGIN, END = "<!-- fuzzing: written by make fuzz -->\n", "<!-- end of fuzzing -->"


class Figures(NamedTuple):
    """Of one target: inputs that were tried and the CPU seconds that took, in all; of the corpus that is kept its
    inputs, the steps from line to line that they take, and how many of the `lines` of the target's modules they reach.
    """

    executions: int
    seconds: int
    inputs: int
    steps: int
    reached: int
    lines: int

    def __str__(self) -> str:
        return (
            f"{self.executions:,} inputs tried in {self.seconds:,} s of CPU; {self.inputs} kept, which take "
            f"{self.steps:,} steps and reach {self.reached} of {self.lines} lines"
        )


def load_figures() -> dict[str, Figures]:
    """The figures so far, by target."""
    told = orjson.loads(FILE.read_bytes())["targets"] if FILE.exists() else {}
    return {name: Figures(*told[name]) for name in TARGETS if name in told}


def keep_figures(name: str, new: Figures, today: date) -> None:
    """Add a search to the figures, and write the page."""
    known = load_figures()
    before = known.get(name, Figures(0, 0, 0, 0, 0, 0))
    known[name] = new._replace(executions=before.executions + new.executions, seconds=before.seconds + new.seconds)
    FILE.write_bytes(
        orjson.dumps(
            {"day": today.isoformat(), "targets": {key: list(one) for key, one in known.items()}},
            option=orjson.OPT_INDENT_2,
        )
        + b"\n"
    )
    text = PAGE.read_text()
    before_table, _, rest = text.partition(BEGIN)
    PAGE.write_text(before_table + BEGIN + write_table() + END + rest.partition(END)[2])


def write_table() -> str:
    """The figures as the page has them."""
    known = load_figures()
    rows = [
        f"| `{name}` | {TARGETS[name].about} | {one.executions:,} | {one.seconds:,} | {one.inputs} | {one.steps:,} "
        f"| {100 * one.reached // max(one.lines, 1)} % of {one.lines} |\n"
        for name, one in known.items()
    ]
    tried, spent = sum(one.executions for one in known.values()), sum(one.seconds for one in known.values())
    day = orjson.loads(FILE.read_bytes())["day"] if FILE.exists() else "never"
    head = (
        f"\nLast search: {day}. In all {tried:,} inputs in {spent / 60:,.0f} minutes of CPU.\n\n"
        "| target | what comes in | inputs tried | CPU s | kept | steps reached | lines reached |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(rows) + "\n"
