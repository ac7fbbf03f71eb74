"""From a push to the first command of its build, when nothing else is to do."""

from __future__ import annotations

import time
from functools import partial

from bench.load import quantile
from bench.measure import Figure, Ground, Row, Values, send_push
from bench.pushes import REPOSITORY, Pushes
from bench.repository import make_repository, move_branch
from bench.systems import CLOCK, System, Work, until

WARM_UP = 3
PAUSE = 0.15
"""Seconds between two pushes, so that the system is idle again."""


def measure(system: System, ground: Ground) -> Values:
    """One push after the other, without and with a checkout."""
    values: Values = {}
    for checkout in (False, True):
        name = "checkout" if checkout else "empty"
        took = _measure_pushes(system, ground, checkout=checkout)
        values[f"{name} p50"] = quantile(took, 0.5)
        values[f"{name} p99"] = quantile(took, 0.99)
    return values


def _measure_pushes(system: System, ground: Ground, *, checkout: bool) -> list[float]:
    count = WARM_UP + ground.count(system, 30, slow=15, quick=8)
    took = []
    with ground.running(system, Work(command=None, checkout=checkout)) as folder:
        repository = folder / f"repositories/{REPOSITORY}.git"
        commits = make_repository(repository, count, CLOCK)
        pushes = Pushes()
        for sha in commits:
            push = pushes.make(sha)
            move_branch(repository, sha)
            begun = time.time()
            send_push(system.hook, push)
            at = until(partial(system.find_first_command, sha), 60, "the build did not begin", 0.02)
            assert at is not None
            took.append(1000 * (at - begun))
            time.sleep(PAUSE)
    return sorted(took[WARM_UP:])


FIGURE = Figure(
    name="first-stage",
    title="From push to the first stage's first command, idle",
    how="From before the request is sent to what `date` says in the build's first command, one push after the other. "
    "The repository of the checkout has 20 files and a commit for each push, fetched over `file://`; Hubwright reads "
    "the recipe there.",
    rows=(
        Row("empty p50", "without checkout, p50", "ms", 0, 30),
        Row("empty p99", "… p99", "ms"),
        Row("checkout p50", "with checkout, p50", "ms", 0, 50),
        Row("checkout p99", "… p99", "ms"),
    ),
    measure=measure,
    scaled=True,
    limits=("fsync", "commit", "spawn", "git"),
    sandboxed=True,
)
