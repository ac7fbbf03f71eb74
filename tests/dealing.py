"""The order of tests: which of xdist's workers begins with what, so that the last of them ends soon after the first.

`--dist worksteal` cuts the list into one piece for each worker and lets who is done take from the end of another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol, TypeVar

LONG = ("red_team", "chaos", "e2e")
"""Folders whose tests mostly wait, for processes."""

DEAREST = (
    "test_any_request", "test_red_team", "test_cut_uploads", "test_healing_commands", "test_every_query_plan",
    "test_killed_hub", "test_every_page_is_accessible", "test_rolling_upgrade", "test_chaos", "test_loads_survive",
    "test_lost_builders", "test_killed_filing", "test_storm", "test_approval_races",
)  # fmt: skip
"""Files of a minute or so, the longest first: one that begins last has the whole run wait for it."""


class Collected(Protocol):
    """What is asked of a test."""

    path: Path


Item = TypeVar("Item", bound=Collected)


def deal_out(items: Sequence[Item], workers: int) -> list[Item]:
    """The same tests: in the piece of each worker first its share of the long files, then short tests.

    No file is torn but where a piece of short tests ends.
    """
    files = [list(tests) for _path, tests in groupby(items, key=lambda item: item.path)]
    long = sorted((tests for tests in files if _is_long(tests[0])), key=lambda tests: _rank(tests[0]))
    short = [test for tests in files if not _is_long(tests[0]) for test in tests]
    dealt: list[Item] = []
    left = len(items)
    for worker in range(workers):
        piece = [test for tests in long[worker::workers] for test in tests]
        room = max(0, left // (workers - worker) - len(piece))  # as worksteal cuts
        piece += short[:room]
        del short[:room]
        dealt += piece
        left -= len(piece)
    return dealt + short


def _is_long(item: Collected) -> bool:
    return item.path.parent.name in LONG or item.path.stem in DEAREST


def _rank(item: Collected) -> int:
    return DEAREST.index(item.path.stem) if item.path.stem in DEAREST else len(DEAREST)
