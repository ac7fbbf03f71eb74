"""A storm: every builder comes back at once, because the hub was killed and started again."""

from __future__ import annotations

import asyncio
import time
from http.client import HTTPConnection

from bench.crowd import Crowd, make_tokens
from bench.load import quantile
from bench.machine import memory
from bench.measure import Figure, Ground, Row, Values
from bench.subject import Hubwright
from bench.systems import NotHereError, System, Work

PATIENCE = 120.0


def measure(system: System, ground: Ground) -> Values:
    """Connect them all, kill the hub, start it again, and wait until all are back."""
    if not isinstance(system, Hubwright):
        raise NotHereError("its builders can't be imitated")
    count = ground.count(system, 500, slow=500, quick=200)
    with ground.running(system, Work(builder=False)) as folder:
        tokens = make_tokens(f"sqlite:///{folder}/data/hubwright.db", count)
        values = asyncio.run(_storm(system, tokens))
        values |= {f"hub {kind}": amount for kind, amount in memory(system.processes()["hub"]).items() if kind == "rss"}
        return values


async def _storm(system: Hubwright, tokens: list[str]) -> Values:
    crowd = Crowd(f"http://127.0.0.1:{system.port}", tokens)
    crowd.start()
    try:
        first = await crowd.until_here(len(tokens), PATIENCE)
        await asyncio.to_thread(system.kill)
        await crowd.until_here(0, PATIENCE)
        crowd.welcomes.clear()
        await asyncio.to_thread(system.start_again)
        asking = asyncio.create_task(asyncio.to_thread(_ask_until, system.port, time.monotonic() + 10))
        again = await crowd.until_here(len(tokens), PATIENCE)
        slowest = await asking
    finally:
        await crowd.stop()
    took = sorted(crowd.welcomes)
    return {
        "first": first,
        "again": again,
        "welcome p50": 1000 * quantile(took, 0.5),
        "welcome p99": 1000 * quantile(took, 0.99),
        "livez": 1000 * slowest,
    }


def _ask_until(port: int, end: float) -> float:
    """The slowest answer of /livez meanwhile, in seconds."""
    slowest = 0.0
    while time.monotonic() < end:
        begun = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/livez")
        connection.getresponse().read()
        connection.close()
        slowest = max(slowest, time.perf_counter() - begun)
        time.sleep(0.02)
    return slowest


FIGURE = Figure(
    name="storm",
    title="A storm of builders",
    how="500 builders (connections of one process, with the real builder's pauses) are connected when the hub is "
    "killed and started again. Counted from its first answer until all are welcomed: a builder that was refused "
    "waits up to half a minute, so this is their patience more than the hub's work.",
    rows=(
        Row("first", "all connected, at first", "s", 2),
        Row("again", "all connected again", "s", 2, 35),
        Row("welcome p50", "hello until welcome, p50", "ms", 0),
        Row("welcome p99", "… p99", "ms", 0, 1000),
        Row("livez", "slowest /livez meanwhile", "ms", 0, 1000),
        Row("hub rss", "memory of the hub afterwards (RSS)", "MB", 0, 200),
    ),
    measure=measure,
    runs=2,
)
