"""What it costs to have it: memory and CPU when nothing happens, and how soon it is there."""

from __future__ import annotations

import time

from bench.machine import cpu_seconds, memory
from bench.measure import Figure, Ground, Row, Values
from bench.systems import System, Work


def measure(system: System, ground: Ground) -> Values:
    """Start on nothing, start on what is there, then wait and look."""
    settle, watch = (4, 4) if ground.quick else (30, 20)
    with ground.running(system, Work()):
        values = {"ready, empty": system.ready_after}
        system.rest()
        values["ready"] = system.start_again()
        time.sleep(settle)
        found = system.processes()
        before = {role: cpu_seconds(pid, children=False) for role, pid in found.items()}
        time.sleep(watch)
        for role, pid in found.items():
            values[f"{role} cpu"] = 100 * (cpu_seconds(pid, children=False) - before[role]) / watch
            values |= {f"{role} {kind}": amount for kind, amount in memory(pid).items() if kind != "peak"}
    return values


FIGURE = Figure(
    name="idle",
    title="Idle",
    how="Half a minute after the start, for 20 s, with nothing to do. Ready is the time from starting the program "
    "until it answers over HTTP.",
    rows=(
        Row("hub rss", "memory of the hub (RSS)", "MB", 0, 120),
        Row("hub pss", "… shared pages by their share (PSS)", "MB"),
        Row("builder rss", "memory of a builder (RSS)", "MB"),
        Row("builder pss", "… PSS", "MB"),
        Row("worker rss", "memory of the worker (RSS)", "MB"),
        Row("beat rss", "memory of the beat (RSS)", "MB"),
        Row("hub cpu", "CPU of the hub", "% of a core", 2, 1),
        Row("builder cpu", "CPU of a builder", "% of a core", 2),
        Row("worker cpu", "CPU of the worker", "% of a core", 2),
        Row("ready", "ready, database there", "s", 2, 1.5),
        Row("ready, empty", "ready, first start", "s", 2),
    ),
    measure=measure,
    scaled=True,
    runs=1,
)
