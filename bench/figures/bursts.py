"""Two hundred webhooks a second, whatever the answers do."""

from __future__ import annotations

import time

from bench.load import send
from bench.machine import spent_by_kind
from bench.measure import Figure, Ground, Row, Values
from bench.pushes import Pushes
from bench.systems import System, Work, until

RATE = 200
SECONDS = 30
AT_ONCE = 64


def measure(system: System, ground: Ground) -> Values:
    """Send them when they are due; then wait until every build is queued."""
    if system.slow:
        rate, seconds = 25, 4 if ground.quick else 20
    else:
        rate, seconds = RATE, 4 if ground.quick else SECONDS
    with ground.running(system, Work(builder=False)) as folder:
        pushes = Pushes()
        send(ground.load, system.hooks, pushes.make_many(20), 4, folder)
        before, begun = spent_by_kind(system.processes()), time.perf_counter()
        answers = send(ground.load, system.hooks, pushes.make_many(rate * seconds), AT_ONCE, folder, rate)
        taken = time.perf_counter()
        until(
            lambda: system.count_builds(finished=False) >= answers.accepted + 20, 120, "not all builds were made", 0.05
        )
        behind, after = time.perf_counter() - taken, spent_by_kind(system.processes())
    spent = sum(after[kind] - before[kind] for kind in before if kind != "builder")
    return {
        "rate": answers.accepted / answers.wall,
        "p50": 1000 * answers.quantile(0.5),
        "p99": 1000 * answers.quantile(0.99),
        "max": 1000 * answers.quantile(1.0),
        "refused": rate * seconds - answers.accepted,
        "behind": behind,
        "cores": spent / (taken - begun + behind),
    }


FIGURE = Figure(
    name="bursts",
    title=f"A burst of {RATE} webhooks a second",
    how=f"A push that makes a build is due every {1000 / RATE:.0f} ms for {SECONDS} s, over {AT_ONCE} connections; its "
    "time counts from when it was due, so waiting for a free connection is in it. No builder is there. Buildbot gets "
    "25 a second for 20 s.",
    rows=(
        Row("rate", "accepted", "/s", 0, 195, more=True),
        Row("p50", "until the reply, p50", "ms", 1),
        Row("p99", "… p99", "ms", 1, 500),
        Row("max", "… the slowest", "ms", 1),
        Row("refused", "refused or lost", "", 0, 0),
        Row("behind", "from the last reply until every build is queued", "s", 2, 5),
        Row("cores", "cores of everything but the load generator", "", 2),
    ),
    measure=measure,
    scaled=True,
    runs=1,
    limits=("loopback requests", "framework", "commit", "postgresql"),
)
