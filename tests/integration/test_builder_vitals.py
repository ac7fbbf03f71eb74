"""What the builder measures of real processes: the whole tree, names and numbers only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from hubwright.builder import vitals as vitals_module
from hubwright.builder.memory_group import find_group, read_kernel_kills, read_pressure
from hubwright.builder.vitals import MOST_PROCESSES, Sampler, Watched
from hubwright.wire import write_message
from memory_group import little_memory
from waiting import until

SECRET = "hunter2-in-an-argument"


@contextmanager
def started(script: str, *prefix: str) -> Iterator[subprocess.Popen[bytes]]:
    """A shell and all that it starts, gone afterwards."""
    process = subprocess.Popen(
        [*prefix, "sh", "-c", script, SECRET], env={**os.environ, "TOKEN": SECRET}, start_new_session=True
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # at once: a shell that lives a moment longer starts its next command
        process.wait()


def watched(root: int) -> Watched:
    run = Watched(1, 1)
    run.begin(lambda: root, find_group(os.getpid()))
    return run


def test_the_tree_of_a_run_is_told_without_arguments(tmp_path: Path) -> None:
    """A secret on a command line or in an environment stays there."""
    sampler = Sampler(tmp_path)
    with started(f"sleep 60 & (sleep 61; true) & {sys.executable} -c 'import time; time.sleep(60)' {SECRET}") as shell:
        run = watched(shell.pid)
        until(lambda: len(psutil.Process(shell.pid).children(recursive=True)) == 4)

        told = sampler.take([run], time.time())

    (found,) = told.runs
    names = sorted(process.name for process in found.processes)
    assert [name for name in names if not name.startswith("python")] == ["sh", "sh", "sleep", "sleep"]
    assert found.usage.processes == 5
    assert found.usage.memory == sum(process.memory for process in found.processes) > 0
    assert {process.parent for process in found.processes if process.pid != shell.pid} <= {
        process.pid for process in found.processes
    }
    assert SECRET not in write_message(told)


def test_a_process_whose_parent_has_gone_stays_the_run_s(tmp_path: Path) -> None:
    """What was once seen below the run belongs to it, as long as it is the same process."""
    sampler, sampler_again = Sampler(tmp_path), Sampler(tmp_path)
    with started("(sleep 60 & sleep 1.5) & wait; exec sleep 61") as shell:
        run = watched(shell.pid)
        until(lambda: len(psutil.Process(shell.pid).children(recursive=True)) >= 2)
        before = sampler.take([run], time.time()).runs[0]
        orphan = next(one.pid for one in before.processes if shell.pid not in {one.parent, one.pid})
        until(lambda: len(psutil.Process(shell.pid).children(recursive=True)) == 0)

        after = sampler_again.take([run], time.time()).runs[0]
        psutil.Process(orphan).kill()

    assert orphan in {process.pid for process in after.processes}


def test_the_machine_is_measured_with_what_every_system_has(tmp_path: Path) -> None:
    """Figures that can't be wrong: parts are not larger than the whole."""
    machine = Sampler(tmp_path).measure_machine(5.0)

    assert machine.at == 5.0
    assert 0 < machine.memory <= machine.memory_total
    assert 0 < machine.disk_free <= machine.disk_total
    assert Sampler(tmp_path / "gone").measure_machine(5.0).disk_total == 0


def test_a_group_tells_its_limit_and_its_kills(tmp_path: Path) -> None:
    """The kernel's own counters, of version 1 or 2; where there is none of them nothing is told."""
    sampler = Sampler(tmp_path)
    eat = f"{sys.executable} -c 'kept = [bytearray(10_000_000) for _ in range(90)]'; sleep 60"
    with little_memory(100_000_000) as prefix, started(eat, *prefix) as shell:
        until(lambda: (group := find_group(shell.pid)) is not None and group.read_limit() is not None)
        run = watched(shell.pid)
        until(lambda: run.read_kills() > 0, what="the kernel to kill the eater")
        usage = sampler.take([run], time.time()).runs[0].usage
        assert run.group is not None
        peak = run.group.read_peak()

    assert usage.limit is not None
    assert 95_000_000 < usage.limit <= 100_000_000
    assert (usage.oom_kills or 0) >= 1
    assert peak is not None
    assert peak <= usage.limit
    assert (read_kernel_kills() or 0) >= 1
    assert read_pressure() is None or 0 <= read_pressure() <= 100  # type: ignore[operator]
    assert find_group(2**22 + 1) is None


def test_looking_at_very_many_processes_is_done_less_often(tmp_path: Path) -> None:
    """The cost is bounded by its share of time, not by hope: a walk that was long is not begun again at once."""
    sampler = Sampler(tmp_path)
    with started("for i in $(seq 100); do sleep 60 & done; wait") as shell:
        run = watched(shell.pid)
        until(lambda: len(psutil.Process(shell.pid).children()) == 100)
        began = time.thread_time()
        first = sampler.take([run], 1.0)
        again = [sampler.take([run], 1.0 + number / 100) for number in range(20)]
        spent = time.thread_time() - began

    assert len(first.runs[0].processes) == MOST_PROCESSES
    assert first.runs[0].usage.processes == 101
    assert all(one.runs == first.runs for one in again[:5])
    assert spent < 0.5
    assert vitals_module.SHARE < 0.01
