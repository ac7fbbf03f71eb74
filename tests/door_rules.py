"""The table of doors, `data/doors.txt`: who may come in at each."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from quiet_hub import Door

TABLE = Path(__file__).parent / "data" / "doors.txt"


class Rule(NamedTuple):
    """A row of the table."""

    needs: str
    finds: str


def read_table() -> dict[str, Rule]:
    rows = [line.split(None, 2) for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return {door: Rule(needs, finds) for needs, finds, door in rows}


RULES = read_table()


def rule_of(door: Door) -> Rule | None:
    return RULES.get("POST /load/*" if door.path.startswith("/load/") else door.name)
