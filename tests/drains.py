"""Drains that leave a trace in a folder, and a worker process that runs them: `python drains.py BROKER_URL FOLDER`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from hubwright.hub.dispatcher import Drain
from hubwright.tasks import run_worker


def tracing_drains(folder: Path) -> dict[str, Drain]:
    """`plain` has never more to do, `later` is due again once 0.4 s on, `failing` fails twice, `slow` takes 0.5 s."""
    drains: dict[str, Callable[[int], float | None]] = {
        "plain": lambda _count: None,
        "later": lambda count: time.time() + 0.4 if count == 1 else None,
        "failing": _fail_twice,
        "slow": _take_time,
    }

    def tracing(queue: str) -> Drain:
        def drain() -> float | None:
            with (folder / queue).open("a") as trace:
                trace.write(f"{time.time()}\n")
            return drains[queue](len(traces(folder, queue)))

        return drain

    return {queue: tracing(queue) for queue in drains}


def traces(folder: Path, queue: str) -> list[float]:
    """The Unix times at which the queue was drained."""
    file = folder / queue
    return [float(line) for line in file.read_text().splitlines()] if file.exists() else []


def _fail_twice(count: int) -> None:
    if count < 3:
        raise RuntimeError(f"drain {count} fails on purpose")


def _take_time(_count: int) -> None:
    time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(run_worker(sys.argv[1], tracing_drains(Path(sys.argv[2])), name=f"w{time.time_ns()}@test"))
