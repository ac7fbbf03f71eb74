"""This machine: what it is, how quick its disk is now, and what a process costs, from /proc."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.load import quantile

_TICKS = os.sysconf("SC_CLK_TCK")
_PROBES = 300


@dataclass(frozen=True)
class Disk:
    """How long an fdatasync of 4 KiB takes, in milliseconds; the day of every durable answer hangs on it."""

    p50: float
    p99: float


def probe_disk(folder: Path) -> Disk:
    """Append and flush 4 KiB, again and again."""
    path = folder / "probe"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_PROBES):
            file.write(b"x" * 4096)
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(1000 * (time.perf_counter() - begun))
    path.unlink()
    took.sort()
    return Disk(quantile(took, 0.5), quantile(took, 0.99))


def describe(folder: Path) -> dict[str, str]:
    """The facts that figures depend on."""
    processor = next((line for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")), "?: ?")
    memory = int(_read("/proc/meminfo").split()[1]) / 1024 / 1024
    mount = subprocess.run(["df", "--output=fstype", str(folder)], capture_output=True, text=True, check=False).stdout
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=False).stdout
    return {
        "processors": f"{os.cpu_count()} x {processor.partition(':')[2].strip()}",
        "memory": f"{memory:.0f} GB",
        "file system": mount.split()[-1] if mount else "?",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "git": git.split()[-1] if git else "?",
        "SQLite": sqlite3.sqlite_version,
    }


def load_average() -> float:
    """How many processes wanted to run in the last minute."""
    return os.getloadavg()[0]


def cpu_seconds(pid: int, *, children: bool = True) -> float:
    """CPU time of a process so far, with that of its children that ended and were waited for."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    spent = fields[11:15] if children else fields[11:13]
    return sum(int(ticks) for ticks in spent) / _TICKS


def spent_by_kind(processes: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds so far, all processes of a kind together (`hub` and `hub 2`), with what each has started."""
    spent: dict[str, float] = {}
    for name, pid in processes.items():
        kind = name.partition(" ")[0]
        spent[kind] = spent.get(kind, 0.0) + _spent_below(pid, set(processes.values()))
    return spent


def _spent_below(pid: int, others: Set[int]) -> float:
    """Without what is counted by itself: the builder of `hubwright up` is a child of its hub."""
    try:
        return cpu_seconds(pid) + sum(_spent_below(child, others) for child in children(pid) if child not in others)
    except OSError:  # it ended meanwhile; whoever waits for it has its time
        return 0.0


def memory(pid: int) -> dict[str, float]:
    """Megabytes: `rss` now, `peak` rss ever, `pss` (shared pages counted by their share)."""
    status = _read(f"/proc/{pid}/status")
    return {
        "rss": _kilobytes(status, "VmRSS") / 1024,
        "peak": _kilobytes(status, "VmHWM") / 1024,
        "pss": _kilobytes(_read(f"/proc/{pid}/smaps_rollup"), "Pss") / 1024,
    }


def children(pid: int) -> list[int]:
    """The processes that a process started and that live."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread may end meanwhile; its children are another's then
            found += map(int, (task / "children").read_text().split())
    return found


def _kilobytes(text: str, name: str) -> int:
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:")), 0)


def _read(path: str) -> str:
    return Path(path).read_text()
