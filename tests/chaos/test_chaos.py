"""A short schedule in each run of the suite; the long ones are `make chaos`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.counting import MUST_BE_NOUGHT, Count, compare_logs, judge_statuses
from chaos.faults import FAULTS
from chaos.report import BEGIN, END, publish, tell
from chaos.run import Outcome, run_seed
from chaos.schedule import draw_episodes, name_group

SECONDS = 12.0
EVERY = [(kind, target) for kind, fault in FAULTS.items() for target in fault.targets]


@pytest.fixture
def _same_environment() -> Iterator[None]:
    """What leads to the store is for this installation only."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("_same_environment")
def test_an_installation_that_is_broken_loses_nothing() -> None:
    """Real processes, whatever a seed draws: deliveries, results, log bytes and statuses are all there, once."""
    outcome = run_seed(4, SECONDS, print)
    assert outcome.wrong == []
    assert outcome.faults
    assert outcome.count.numbers["builds"] > 0


def test_the_same_seed_draws_the_same_schedule() -> None:
    """A schedule that has found something can be repeated."""
    drawn = [list(itertools.islice(draw_episodes(seed, EVERY), 50)) for seed in (7, 7, 8)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_each_fault_comes_before_any_comes_again() -> None:
    """A long run has had them all, of each sort of part, and no part suffers two at once."""
    groups = {name_group(*one) for one in EVERY}
    seen: list[str] = []
    for episode in draw_episodes(1, EVERY):
        seen += [fault.group for fault in episode.faults]
        assert len({fault.target for fault in episode.faults}) == len(episode.faults)
        if len(seen) >= len(groups):
            break
    assert set(seen[: len(groups)]) == groups


PRINTED = b"one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("log", "lost", "doubled"),
    [
        (b"one\nthree\n", 4, 0),
        (b"one\ntwo\ntwo\nthree\n", 0, 4),
        (b"one\none\nthree\n", 4, 4),
        (b"two\none\nthree\n", 0, 1),
        (b"", 14, 0),
    ],
)
def test_lost_and_doubled_bytes_are_counted(log: bytes, lost: int, doubled: int) -> None:
    """The count itself can fail."""
    made = Count()
    compare_logs(made, 1, PRINTED, log)
    assert (made.numbers["log bytes lost"], made.numbers["log bytes doubled"]) == (lost, doubled)
    assert made.wrong


def status(context: str, state: str, description: str = "") -> dict[str, Any]:
    return {"context": context, "state": state, "description": description}


ENDED = SimpleNamespace(id=1, state="finished", result="success")
RUN = SimpleNamespace(build_id=1, latest=True, result="success")
TOLD = [status(context, state) for state in ("pending", "success") for context in ("hubwright", "hubwright / x (y)")]


@pytest.mark.parametrize(
    ("told", "missing", "doubled"),
    [
        (TOLD, 0, 0),
        (TOLD[:3], 1, 0),
        (TOLD[:2], 2, 0),
        ([one for one in TOLD if one["context"] == "hubwright"], 1, 0),
        ([], 2, 0),
        ([*TOLD, TOLD[-1]], 0, 1),
        ([*TOLD, TOLD[0]], 1, 0),
    ],
)
def test_missing_and_doubled_statuses_are_counted(told: list[dict[str, Any]], missing: int, doubled: int) -> None:
    """As GitHub has them in the end, context by context."""
    made = Count()
    judge_statuses(made, "abc", told, [ENDED], [RUN])
    assert (made.numbers["statuses missing"], made.numbers["statuses doubled"]) == (missing, doubled)


def test_the_section_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    """What people have written around it stays."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    outcome = Outcome(
        3, "loopback", seconds=60, usual=1, faults=["kill hub", "kill beat"], recovered=[("kill hub", 2.0)]
    )
    publish(tell([outcome], None), page)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\nSeed 3, 1 minutes")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert all(f"| **{name}** | **0** |" in text for name in MUST_BE_NOUGHT)
    assert "| kill hub | 1 | 2.0 s | 2.0 s |" in text
    assert "| kill beat | 1 | - | - |" in text
