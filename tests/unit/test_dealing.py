"""How the tests themselves are ordered."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest

from dealing import DEAREST, LONG, deal_out

TESTS = Path(__file__).parent.parent


@dataclass(frozen=True)
class Item:
    path: Path
    number: int


def is_long(item: Item) -> bool:
    return item.path.parent.name in LONG or item.path.stem in DEAREST


def collected() -> list[Item]:
    """A suite: 30 files that are long, of 1 to 5 tests, and 40 short ones of 10."""
    long = [Path(f"tests/e2e/test_{number}.py") for number in range(28)]
    dear = [Path(f"tests/contracts/{DEAREST[2]}.py"), Path(f"tests/e2e/{DEAREST[0]}.py")]
    short = [Path(f"tests/unit/test_{number}.py") for number in range(40)]
    return [Item(path, n) for count, path in enumerate(long + dear) for n in range(count % 5 + 1)] + [
        Item(path, n) for path in short for n in range(10)
    ]


@pytest.mark.parametrize("workers", [1, 2, 4, 5, 7])
def test_each_test_is_dealt_once_and_each_piece_begins_long_and_ends_short(workers: int) -> None:
    """What xdist cuts is what was meant."""
    items = collected()
    dealt = deal_out(items, workers)
    assert sorted(dealt, key=str) == sorted(items, key=str)

    left = list(dealt)
    for number in range(workers):
        size = len(left) // (workers - number)
        piece, left = left[:size], left[size:]
        assert [long for long, _tests in groupby(piece, key=is_long)] == [True, False], number
        assert len({test.path for test in piece if is_long(test)}) >= 30 // workers


def test_no_long_file_is_torn_and_the_dearest_begin() -> None:
    """Their tests share hubs and browsers."""
    dealt = deal_out(collected(), 5)
    runs = [path for path, _tests in groupby(test.path for test in dealt)]
    assert len([path for path in runs if path.parent.name in LONG]) == 29
    assert dealt[0].path.stem == DEAREST[0]


def test_what_is_called_dear_is_there() -> None:
    """A file that was renamed would begin anywhere."""
    assert {path.stem for path in TESTS.rglob("test_*.py")} >= set(DEAREST)
    assert {path.name for path in TESTS.iterdir() if path.is_dir()} >= set(LONG)
