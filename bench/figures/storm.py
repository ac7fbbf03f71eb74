"""A storm: every builder comes back at once, because the hub was killed and started again."""

from __future__ import annotations

import asyncio
import time
from http.client import HTTPConnection

from bench.crowd import make_crowds, make_tokens
from bench.load import quantile
from bench.machine import memory
from bench.measure import Figure, Ground, Row, Values
from bench.subject import Hubwright
from bench.systems import NotHereError, System, Work

PATIENCE = 120.0


def measure(system: System, ground: Ground) -> Values:
    """Connect them all, kill a hub, start it again unless there is another one, and wait until all are back."""
    if not isinstance(system, Hubwright):
        raise NotHereError("its builders can't be imitated")
    count = ground.count(system, 500, slow=500, quick=200)
    with ground.running(system, Work(builder=False)):
        tokens = make_tokens(system.database_url, count)
        values = asyncio.run(_storm(system, tokens))
        return values | {"hub rss": memory(system.processes()[system.reader])["rss"]}


async def _storm(system: Hubwright, tokens: list[str]) -> Values:
    crowds = make_crowds(system.hooks, tokens)
    crowd = crowds[0]  # those of the hub that is killed
    try:
        begun = time.perf_counter()
        for one in crowds:
            one.start()
        for one in crowds:
            await one.until_here(len(one.tokens), PATIENCE)
        first = time.perf_counter() - begun
        await asyncio.to_thread(system.kill)
        await crowd.until_here(0, PATIENCE)
        crowd.welcomes.clear()
        if len(crowds) == 1:
            await asyncio.to_thread(system.start_again)
        crowd.url = crowds[-1].url
        asking = asyncio.create_task(asyncio.to_thread(_ask_until, system.reader_port, time.monotonic() + 10))
        again = await crowd.until_here(len(crowd.tokens), PATIENCE)
        slowest = await asking
    finally:
        for one in crowds:
            await one.stop()
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
    "waits up to half a minute, so this is their patience more than the hub's work. Of two hubs, with 250 each, one is "
    "killed and stays away, and its builders go to the other one, as a balancer would send them.",
    rows=(
        Row("first", "all connected, at first", "s", 2),
        Row("again", "all connected again", "s", 2, 35),
        Row("welcome p50", "hello until welcome, p50", "ms", 0),
        Row("welcome p99", "… p99", "ms", 0, 1000),
        Row("livez", "slowest /livez meanwhile", "ms", 0, 1000),
        Row("hub rss", "memory of the hub afterwards (RSS)", "MB", 0, 200),
    ),
    measure=measure,
    scaled=True,
    runs=2,
)
