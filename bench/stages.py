"""`python -m bench.stages [ROUNDS [IMAGE [SOCKET]]]`: what a stage costs, for each executor: medians of running `true`.

With an image that the daemon has, containers are measured too, in a tenth of the rounds.

Everything is in one process, as in a builder: the command, its terminal, its group, its walls, until it has ended.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles

from bench.machine import load_average
from hubwright.builder.executors import MARKER, Command, Executor, Furnishing, Furniture
from hubwright.builder.executors.bubblewrap import BubblewrapExecutor, find_bubblewrap
from hubwright.builder.executors.cells import Cells
from hubwright.builder.executors.cgroups import Groups
from hubwright.builder.executors.choice import choose_executor
from hubwright.builder.executors.process import ProcessExecutor
from hubwright.builder.executors.terms import Containers, Policy, Terms
from hubwright.builder.executors.users import choose_users
from hubwright.builder.workspace import Workspace
from hubwright.domain.limits import Limits

ROUNDS = 200
PATH = "/usr/local/bin:/usr/bin:/bin"


def main() -> int:
    """Measure and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    plain = [_time_plain() for _ in range(rounds)]
    print(f"load {load_average():.2f}, {rounds} rounds, milliseconds\n")
    print(f"{'':44} {'median':>8} {'p95':>8} {'over plain':>11}")
    _show("subprocess.run(['true'])", plain, median(plain))
    for label, executor in _executors():
        with tempfile.TemporaryDirectory(prefix="bench-stages-") as name:
            Path(name).chmod(0o755)
            times = asyncio.run(_time_stages(executor, Path(name), rounds))
        _show(label, times, median(plain))
    if len(sys.argv) > 2:
        containers = Containers(image=sys.argv[2], host=sys.argv[3] if len(sys.argv) > 3 else None, pull="never")
        policy = Policy(limits=Limits(memory=4 << 30, pids=4096, cpu=2), containers=containers, network=False)
        with tempfile.TemporaryDirectory(prefix="bench-stages-") as name:
            Path(name).chmod(0o755)
            executor, _ = choose_executor("container", (Path(name),), policy)
            times = asyncio.run(_time_stages(executor, Path(name), max(rounds // 10, 3)))
        _show("container, all, no network", times, median(plain))
    return 0


def _executors() -> Iterator[tuple[str, Executor]]:
    full = Policy(limits=Limits(memory=4 << 30, pids=4096, cpu=2))
    bare = replace(full, seccomp=False, landlock=False)
    grouped, ungrouped = Groups(), Groups(Path("/nonexistent"))
    users = choose_users(full.user)
    yield "process, no walls, no groups", ProcessExecutor(Cells(bare, None, ungrouped))
    yield "process, groups", ProcessExecutor(Cells(bare, None, grouped))
    yield "process, groups, seccomp, Landlock", ProcessExecutor(Cells(full, None, grouped))
    yield "process, all, user of its own", ProcessExecutor(Cells(full, users, grouped))
    program = find_bubblewrap()
    yield "bubblewrap, no seccomp, no groups", BubblewrapExecutor(program, Cells(bare, users, ungrouped))
    yield "bubblewrap, groups", BubblewrapExecutor(program, Cells(bare, users, grouped))
    yield "bubblewrap, all", BubblewrapExecutor(program, Cells(full, users, grouped))
    closed = replace(full, network=False)
    yield "bubblewrap, all, no network", BubblewrapExecutor(program, Cells(closed, users, grouped))


async def _time_stages(executor: Executor, folder: Path, rounds: int) -> list[float]:
    workspace = Workspace(root=folder / "run", tree=folder / "run" / "tree", marker=f"bench-{time.monotonic_ns()}")
    workspace.make()
    executor.prepare(workspace, Terms())
    if isinstance(executor, Furnishing):
        await executor.furnish(workspace, Furniture(), lambda _: None)
    command = Command(argv=("true",), env={"PATH": PATH, MARKER: workspace.marker}, directory=workspace.tree)
    times = []
    try:
        for _ in range(rounds):
            began = time.perf_counter()
            code = await executor.run(workspace, command, lambda _: None).finished
            times.append(time.perf_counter() - began)
            if code:
                raise RuntimeError(f"`true` ended with {code}")
    finally:
        executor.destroy(workspace)
    return times


def _time_plain() -> float:
    began = time.perf_counter()
    subprocess.run(["true"], check=True, env={"PATH": PATH})
    return time.perf_counter() - began


def _show(label: str, times: list[float], plain: float) -> None:
    middle, late = median(times) * 1000, quantiles(times, n=20)[-1] * 1000
    print(f"{label:44} {middle:8.1f} {late:8.1f} {middle - plain * 1000:11.1f}")


if __name__ == "__main__":
    sys.exit(main())
