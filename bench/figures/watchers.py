"""Many people watch one build: what it costs the hub, and how late the lines come."""

from __future__ import annotations

import asyncio
import re
import time

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
        hub = system.processes()["hub"]
        return asyncio.run(_watch(f"ws://127.0.0.1:{system.port}/api/v1/live", int(run["id"]), count, hub))


async def _watch(url: str, run: int, count: int, hub: int) -> Values:
    late: list[float] = []
    lines: list[int] = []
    here = asyncio.Semaphore(0)
    watching = [asyncio.create_task(_follow(url, run, late, lines, here)) for _ in range(count)]
    for _ in range(count):
        await here.acquire()
    begun, spent = time.perf_counter(), cpu_seconds(hub, children=False)
    late.clear()
    await asyncio.gather(*watching)
    took, spent = time.perf_counter() - begun, cpu_seconds(hub, children=False) - spent
    late.sort()
    return {
        "cores": spent / took,
        "lines": min(lines),
        "late p50": 1000 * quantile(late, 0.5),
        "late p99": 1000 * quantile(late, 0.99),
        "hub rss": memory(hub)["rss"],
    }


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
    "two messages in it.",
    rows=(
        Row("cores", "cores that the hub uses", "", 2, 1),
        Row("lines", f"lines of {SECONDS * LINES} that each got, at least", "", 0, SECONDS * LINES, more=True),
        Row("late p50", "late, p50", "ms", 0),
        Row("late p99", "… p99", "ms", 0, 1000),
        Row("hub rss", "memory of the hub afterwards (RSS)", "MB", 0, 200),
    ),
    measure=measure,
    runs=3,
)
