"""SIGKILL to the server as soon as it has replied: is the build made after all?"""

from __future__ import annotations

import time
from functools import partial

from bench.measure import Figure, Ground, Row, Values, send_push
from bench.pushes import Pushes
from bench.systems import System, Work, until

PATIENCE = 45.0
"""Seconds after the start in which the build must be there; longer than a lease of the hub."""

IMPATIENCE = 8.0
"""The same for a system that keeps no work that could come back later."""


def measure(system: System, ground: Ground) -> Values:
    """Push, reply, kill, start, look: again and again in the same database."""
    times = ground.count(system, 20, slow=20, quick=3)
    pushes = Pushes()
    lost, slowest = 0, 0.0
    with ground.running(system, Work(builder=False)):
        for _ in range(times):
            queued = system.count_builds(finished=False)
            send_push(system.hook, pushes.make())
            system.kill()
            system.start_again()
            begun = time.perf_counter()
            patience = PATIENCE if system.keeps_work else IMPATIENCE
            try:
                until(partial(_has_more, system, queued), patience, "no build came", 0.05)
            except TimeoutError:
                lost += 1
            else:
                slowest = max(slowest, time.perf_counter() - begun)
    return {"times": times, "lost": lost, "slowest": slowest}


def _has_more(system: System, queued: int) -> bool:
    return system.count_builds(finished=False) > queued


FIGURE = Figure(
    name="killed",
    title="SIGKILL right after the reply",
    how="A push is sent; as soon as its reply is read the server gets SIGKILL and is started again. Lost is a push "
    f"whose build is not queued within {PATIENCE:.0f} s of the start ({IMPATIENCE:.0f} s for the peers).",
    rows=(
        Row("times", "times"),
        Row("lost", "builds lost", "", 0, 0),
        Row("slowest", "longest from ready again to the build queued", "s", 1),
    ),
    measure=measure,
    runs=1,
)
