"""Many people watch one build: what it costs the hub, and how late the lines come."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence

import orjson
from websockets.asyncio.client import connect

from bench.load import quantile
from bench.machine import cpu_seconds, memory
from bench.measure import Figure, Ground, Row, Values, send_push
from bench.pushes import Pushes
from bench.subject import Hubwright
from bench.systems import NotHereError, System, Work, until

SECONDS = 20
LINES = 50
"""A second."""

COMMAND = (
    f'python3 -u -c "import time; [(print(time.time()), time.sleep(1 / {LINES})) for _ in range({SECONDS * LINES})]"'
)
PATIENCE = 60.0

_TIME = re.compile(r"^(\d{10}\.\d+)\r?$", re.MULTILINE)


def measure(system: System, ground: Ground) -> Values:
    """Start a build that prints the time, let all watch it to its end."""
    if not isinstance(system, Hubwright):
        raise NotHereError("its live log is another protocol")
    count = ground.count(system, 500, slow=500, quick=200)
    with ground.running(system, Work(command=COMMAND)):
        push = Pushes().make()
        send_push(system.hook, push)
        run = until(lambda: system.find_run(push.sha), PATIENCE, "no run came")
        urls = [hook.replace("http", "ws", 1).replace("/hooks/github", "/api/v1/live") for hook in system.hooks]
        hubs = [pid for name, pid in system.processes().items() if name.startswith("hub")]
        return asyncio.run(_watch(urls, int(run["id"]), count, hubs))


async def _watch(urls: Sequence[str], run: int, count: int, hubs: Sequence[int]) -> Values:
    late: list[float] = []
    lines: list[int] = []
    here = asyncio.Semaphore(0)
    following = (_follow(urls[number % len(urls)], run, late, lines, here) for number in range(count))
    watching = [asyncio.create_task(one) for one in following]
    for _ in range(count):
        await here.acquire()
    begun, before = time.perf_counter(), _spent(hubs)
    late.clear()
    await asyncio.gather(*watching)
    took, spent = time.perf_counter() - begun, _spent(hubs) - before
    late.sort()
    return {
        "cores": spent / took,
        "lines": min(lines),
        "late p50": 1000 * quantile(late, 0.5),
        "late p99": 1000 * quantile(late, 0.99),
        "hub rss": max(memory(hub)["rss"] for hub in hubs),
    }


def _spent(hubs: Sequence[int]) -> float:
    return sum(cpu_seconds(hub, children=False) for hub in hubs)


async def _follow(url: str, run: int, late: list[float], lines: list[int], here: asyncio.Semaphore) -> None:
    got = 0
    async with connect(url, compression=None, open_timeout=PATIENCE, proxy=None) as socket:
        await socket.send(orjson.dumps({"subscribe": [f"run:{run}"]}).decode())
        async for frame in socket:
            message = orjson.loads(frame)
            if message["type"] == "subscribed":
                here.release()
            elif message["type"] == "log":
                times = _TIME.findall(message["text"])
                got += len(times)
                if times:
                    late.append(time.time() - float(times[-1]))
            elif message["type"] == "end":
                break
    lines.append(got)


FIGURE = Figure(
    name="watchers",
    title="Many watch one build",
    how=f"500 WebSockets of one process follow a build that prints {LINES} lines a second for {SECONDS} s. Late is a "
    "message's newest line from its printing to its arrival, with the builder's batching (50 ms) and the pause between "
    "two messages in it. With two hubs each has half of the watchers, and one of them the build's builder.",
    rows=(
        Row("cores", "cores that the hubs use", "", 2, 1),
        Row("lines", f"lines of {SECONDS * LINES} that each got, at least", "", 0, SECONDS * LINES, more=True),
        Row("late p50", "late, p50", "ms", 0),
        Row("late p99", "… p99", "ms", 0, 1000),
        Row("hub rss", "memory of a hub afterwards (RSS)", "MB", 0, 200),
    ),
    measure=measure,
    scaled=True,
    runs=3,
)
