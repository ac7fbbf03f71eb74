"""Five hundred builders and fifty thousand builds a day: a stretch of that day, and the same twenty times as dense."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

from bench.crowd import Pretence, make_crowds, make_tokens
from bench.load import quantile
from bench.machine import memory, spent_by_kind
from bench.measure import Figure, Ground, Row, Values, send_push
from bench.pushes import Pushes
from bench.subject import Hubwright
from bench.systems import NotHereError, System, Work

BUILDERS = 500
A_DAY = 50_000
DENSER = 20
PATIENCE = 120.0


@dataclass(frozen=True)
class Stretch:
    """A part of the day: so many builds a second for so many seconds, each of so many seconds on average."""

    name: str
    rate: float
    seconds: float
    build: float


def measure(system: System, ground: Ground) -> Values:
    """Both stretches with the same builders, which pretend to build."""
    if not isinstance(system, Hubwright):
        raise NotHereError("its builders can't be imitated")
    count = 100 if ground.quick else BUILDERS
    rate = A_DAY / 86_400
    true, dense = Stretch("true", rate, 90, 30), Stretch("dense", rate * DENSER, 45, 20)
    if ground.quick:
        true, dense = Stretch("true", rate, 5, 2), Stretch("dense", rate * DENSER, 5, 2)
    with ground.running(system, Work(builder=False)):
        tokens = make_tokens(system.database_url, count)
        return asyncio.run(_live(system, tokens, (true, dense)))


async def _live(system: Hubwright, tokens: list[str], stretches: tuple[Stretch, ...]) -> Values:
    pretence = Pretence(lambda: 0.0)
    crowds = make_crowds(system.hooks, tokens, pretence)
    values: Values = {}
    try:
        for crowd in crowds:
            crowd.start()
        for crowd in crowds:
            await crowd.until_here(len(crowd.tokens), PATIENCE)
        for stretch in stretches:
            values |= await _stretch(system, pretence, stretch)
    finally:
        for crowd in crowds:
            await crowd.stop()
    return values | {"hub peak": memory(system.processes()["hub"])["peak"]}


async def _stretch(system: Hubwright, pretence: Pretence, stretch: Stretch) -> Values:
    lots = random.Random(1)
    pretence.seconds = lambda: lots.uniform(0.5, 1.5) * stretch.build
    pretence.taken.clear()
    pretence.ended = 0
    pushes = Pushes().make_many(max(3, round(stretch.rate * stretch.seconds)))
    sent: dict[str, float] = {}
    before, begun = spent_by_kind(system.processes()), time.perf_counter()
    for number, push in enumerate(pushes):
        await asyncio.sleep(max(0.0, begun + number / stretch.rate - time.perf_counter()))
        sent[push.sha] = time.time()
        await asyncio.to_thread(send_push, system.hooks[number % len(system.hooks)], push)
    took, after = time.perf_counter() - begun, spent_by_kind(system.processes())
    async with asyncio.timeout(PATIENCE + 10 * stretch.build):
        while pretence.ended < len(pushes):  # noqa: ASYNC110  a poll is light enough
            await asyncio.sleep(0.1)
    waited = sorted(1000 * (pretence.taken[sha] - at) for sha, at in sent.items())
    spent = sum(after[kind] - before[kind] for kind in before)
    name = stretch.name
    return {
        f"{name} rate": 60 * len(pushes) / took,
        f"{name} p50": quantile(waited, 0.5),
        f"{name} p99": quantile(waited, 0.99),
        f"{name} cores": spent / took,
        f"{name} unfinished": len(pushes) - await asyncio.to_thread(_count_finished, system, len(pushes)),
    }


def _count_finished(system: Hubwright, wanted: int) -> int:
    """Builds that are green, of the newest so many; the hub has a moment to write the last one."""
    deadline = time.monotonic() + 20
    while (found := system.count_newest_green(wanted)) < wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _rows() -> tuple[Row, ...]:
    rows = []
    titles = {
        "true": f"{A_DAY:,} builds a day, at their true pace",
        "dense": f"{DENSER} times as dense: {A_DAY:,} in {24 * 60 // DENSER} minutes",
    }
    for name, title in titles.items():
        rows += [
            Row(f"{name} rate", title, "builds/min"),
            Row(f"{name} p50", "… from push to a builder that has it, p50", "ms", 0, 100),
            Row(f"{name} p99", "… p99", "ms", 0, 1000),
            Row(f"{name} cores", "… cores of everything but the builders", "", 2),
            Row(f"{name} unfinished", "… builds without their end", "", 0, 0),
        ]
    return (*rows, Row("hub peak", "peak memory of a hub", "MB", 0, 250))


FIGURE = Figure(
    name="day",
    title=f"{BUILDERS} builders, {A_DAY:,} builds a day",
    how="Builders of one process speak the real protocol over real connections, and pretend to build: a stage that "
    "prints, half a minute long on average (20 s in the dense stretch), so that some 17 and 230 builds run at any "
    "time. A minute and a half at the true pace, three quarters of one at the dense one.",
    rows=_rows(),
    measure=measure,
    scaled=True,
    runs=1,
)
