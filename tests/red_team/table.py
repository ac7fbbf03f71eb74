"""The outcomes as a table of `docs/red-team.md`, written and read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from red_team.attacks import ATTACKS
from red_team.camps import CAMPS

PAGE = Path(__file__).parents[2] / "docs" / "red-team.md"
_BEGIN, _END = "<!-- outcomes: written by `make red-team` -->\n", "<!-- end of outcomes -->\n"

Outcomes = Mapping[str, Mapping[str, str]]
"""By camp, by attack."""


def read_table() -> dict[str, dict[str, str]]:
    """What the page says."""
    part = PAGE.read_text().partition(_BEGIN)[2].partition(_END)[0]
    head, _, *rows = [[cell.strip(" *") for cell in line.strip("|").split(" | ")] for line in part.strip().splitlines()]
    names = {attack.title: attack.name for attack in ATTACKS}
    return {
        camp: {names[row[0]]: re.sub(r"\[.*", "", row[place]).strip(" *") for row in rows}
        for place, camp in enumerate(head)
        if place
    }


def write_table(outcomes: Outcomes) -> None:
    """Put them into the page. What gets through is set in bold."""
    camps = [camp.name for camp in CAMPS]
    lines = [_row(["a recipe tries to", *camps]), _row(["---"] * (len(camps) + 1))]
    for attack in ATTACKS:
        cells = [outcomes[camp][attack.name] for camp in camps]
        lines.append(_row([attack.title, *(f"**{cell}**" if cell == "gets through" else cell for cell in cells)]))
    text = PAGE.read_text()
    before, after = text.partition(_BEGIN)[0], text.partition(_END)[2]
    PAGE.write_text(f"{before}{_BEGIN}\n" + "\n".join(lines) + f"\n\n{_END}{after}")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
