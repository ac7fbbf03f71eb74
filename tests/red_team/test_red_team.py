"""What the table of the docs says of hostile recipes is so: each camp is fought again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from builder_process import scenario
from red_team.attacks import ATTACKS
from red_team.camps import CAMPS, Camp
from red_team.fights import fight
from red_team.table import read_table


@pytest.mark.parametrize("camp", CAMPS, ids=lambda camp: camp.name)
@scenario
async def test_every_attack_ends_as_the_docs_say(camp: Camp) -> None:
    """S17, S41, S42: both directions: a wall that fell, and one that stands although the docs call it open."""
    it = await fight(camp)
    told = read_table()[camp.name]

    assert it.outcomes == told, {name: it.evidence.get(name) for name in told if it.outcomes[name] != told[name]}
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)  # noqa: ASYNC240  one look


def test_the_table_has_every_attack_and_camp() -> None:
    """An attack that is added is not in the docs until it was fought."""
    table = read_table()

    assert set(table) == {camp.name for camp in CAMPS}
    assert all(set(row) == {attack.name for attack in ATTACKS} for row in table.values())
