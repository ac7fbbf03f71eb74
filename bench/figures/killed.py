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
    values: Values = {"times": times, "lost": 0}
    with ground.running(system, Work(builder=False)):
        alone = len(system.hooks) == 1
        for _ in range(times):
            queued = system.count_builds(finished=False)
            send_push(system.hook, pushes.make())
            system.kill()
            killed = time.perf_counter()
            if alone:
                system.start_again()
            ready = time.perf_counter()
            if _is_made(system, queued):
                now = time.perf_counter()
                took = {"gap": now - killed, "slowest": now - ready}
                values |= {name: max(values.get(name, 0), seconds) for name, seconds in took.items()}
            else:
                values["lost"] += 1
            if not alone:  # the others have done its work
                system.start_again()
    return values


def _is_made(system: System, queued: int) -> bool:
    """Wait for a build more."""
    patience = PATIENCE if system.keeps_work else IMPATIENCE
    try:
        return until(partial(_has_more, system, queued), patience, "no build came", 0.05)
    except TimeoutError:
        return False


def _has_more(system: System, queued: int) -> bool:
    return system.count_builds(finished=False) > queued


FIGURE = Figure(
    name="killed",
    title="SIGKILL right after the reply",
    how="A push is sent; as soon as its reply is read the server gets SIGKILL and is started again. Lost is a push "
    f"whose build is not queued within {PATIENCE:.0f} s of the start ({IMPATIENCE:.0f} s for the peers). Of two hubs "
    "only the one that replied is killed, and it stays away until the build is queued, which the worker does.",
    rows=(
        Row("times", "times"),
        Row("lost", "builds lost", "", 0, 0),
        Row("gap", "longest from the kill to the build queued", "s", 1),
        Row("slowest", "… from a hub that is ready to the build queued", "s", 1),
    ),
    measure=measure,
    scaled=True,
    runs=1,
)
