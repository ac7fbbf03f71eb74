"""Thousands of schedules of one installation: whatever happens to it, every run ends, once, truly (R29).

A seed that fails is repeated, with all that hubs and builders said, by `python -m simulation SEED` in `tests/`.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.invariants import check
from simulation.world import World

SEEDS = 25
CHUNKS = 40


@pytest.fixture(autouse=True, scope="module")
def _quick_garbage() -> None:
    """The collector need not look through all that other tests have loaded, thousands of times."""
    gc.collect()
    gc.freeze()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_whatever_happens_every_run_ends_once_and_truly(chunk: int) -> None:
    """R29: connections cut, held up and one-way, hubs and builders killed, frozen and replaced, clocks that jump."""
    wrong = {}
    for seed in range(chunk * SEEDS, (chunk + 1) * SEEDS):
        world = World(seed, check).run()
        if world.problems:
            wrong[seed] = list(dict.fromkeys(world.problems))
    stories = [f"seed {seed}: {'; '.join(problems)}" for seed, problems in wrong.items()]
    assert not wrong, "\n".join([*stories, f"repeat with: cd tests && python -m simulation {min(wrong)}"])


def test_without_trouble_every_run_ends_as_its_commands_did() -> None:
    """What the invariants allow in a bad world (errors, cut logs) must not happen in a good one."""
    for seed in range(30):
        world = World(seed, check, trouble=False).run()
        assert world.problems == [], f"seed {seed}"
        assert world.gentle


def test_a_seed_always_tells_the_same_story() -> None:
    """Else nobody could repeat a failure: nothing may hang on the order of sets or on the real clock."""
    stories = set()
    for hash_seed in ("1", "2", "3"):
        command = [sys.executable, "-m", "simulation", "7"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        folder = Path(__file__).parent.parent
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        stories.add(done.stdout.rpartition("1 schedules")[0])
    assert len(stories) == 1
    assert "pushed" in stories.pop()
