"""How many trivial builds a minute, four at a time."""

from __future__ import annotations

import time

from bench.load import send
from bench.machine import memory, spent_by_kind
from bench.measure import Figure, Ground, Row, Values
from bench.pushes import REPOSITORY, Pushes
from bench.repository import make_repository
from bench.systems import System, Work, until

SLOTS = 4
WARM_UP = 8


def measure(system: System, ground: Ground) -> Values:
    """From the first push to the last build's end, without and with a checkout."""
    return _measure(system, ground, checkout=False) | _measure(system, ground, checkout=True)


def _measure(system: System, ground: Ground, *, checkout: bool) -> Values:
    name = "checkout" if checkout else "empty"
    count = ground.count(system, 400, slow=40, quick=60)
    with ground.running(system, Work(checkout=checkout, slots=SLOTS)) as folder:
        commits = make_repository(folder / f"repositories/{REPOSITORY}.git", count + WARM_UP, "true")
        pushes = [Pushes().make(sha) for sha in commits]
        send(ground.load, system.hooks, pushes[:WARM_UP], 1, folder)
        until(lambda: system.count_builds() >= WARM_UP, 120, "the first builds did not end", 0.1)
        before = spent_by_kind(system.processes())
        begun = time.perf_counter()
        send(ground.load, system.hooks, pushes[WARM_UP:], 8, folder)
        pause = 0.5 if system.slow else 0.02
        until(lambda: system.count_builds() >= count + WARM_UP, 600, "not all builds ended", pause)
        took = time.perf_counter() - begun
        after = spent_by_kind(system.processes())
        peaks = {f"{name} {kind} peak": memory(pid)["peak"] for kind, pid in system.processes().items()}
    spent = {f"{name} {role}": 1000 * (after[role] - before[role]) / count for role in before}
    return {f"{name} rate": 60 * count / took, **spent, **peaks}


FIGURE = Figure(
    name="builds",
    title="Trivial builds a minute, 4 slots",
    how="Builds of one stage, `true`, each queued by a push of its own commit; from the first push to the end of the "
    "last build. CPU time is that of the process and of what it started and waited for.",
    rows=(
        Row("empty rate", "without checkout", "/min", 0, 4000, more=True),
        Row("empty hub", "… CPU of the hubs", "ms/build", 1),
        Row("empty worker", "… CPU of the worker", "ms/build", 1),
        Row("empty database", "… CPU of PostgreSQL", "ms/build", 1),
        Row("empty builder", "… CPU of the builders and builds", "ms/build", 1),
        Row("empty hub peak", "… peak memory of a hub", "MB"),
        Row("empty builder peak", "… peak memory of a builder", "MB"),
        Row("checkout rate", "with checkout", "/min", 0, 2500, more=True),
        Row("checkout hub", "… CPU of the hubs", "ms/build", 1),
        Row("checkout worker", "… CPU of the worker", "ms/build", 1),
        Row("checkout database", "… CPU of PostgreSQL", "ms/build", 1),
        Row("checkout builder", "… CPU of the builders and builds", "ms/build", 1),
        Row("checkout hub peak", "… peak memory of a hub", "MB"),
        Row("checkout builder peak", "… peak memory of a builder", "MB"),
    ),
    measure=measure,
    sandboxed=True,
    scaled=True,
    limits=("spawn", "gate", "git", "commit", "postgresql"),
)
