"""What the builder's machine and its runs use, measured with psutil: the same on Linux, Windows and macOS."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from hubwright.builder.memory_group import Group, find_group, read_kernel_kills, read_pressure
from hubwright.wire import Machine, Process, RunVitals, Usage, Vitals

MOST_PROCESSES = 64
"""Processes of a run that are told, the largest ones."""

SHARE = 0.006
"""Of one processor's time, what looking at processes may take: where there are very many it is done less often."""

_NAME = 40  # characters
_TICK = 0.1  # seconds by which a second may be short

Known = dict[int, float]
"""Processes by number, with when they began: a number alone may come again."""


def _nobody() -> int:
    return 0


@dataclass(slots=True)
class Watched:
    """A run whose processes are measured: its command's process, its services', and all that descended from them.

    `first` gives the number of the command's process, 0 before and after there is one: a container takes a while.
    """

    run: int
    lease: int
    first: Callable[[], int] = _nobody
    root: int | None = None
    over: bool = False  # the command is ended: what is left of it would hide what it was before
    services: Known = field(default_factory=dict)
    group: Group | None = None
    limit: int | None = None  # bytes that a group of the run's own allows
    known: Known = field(default_factory=dict)
    kills: int = 0  # in the group so far; it may be gone when it is asked about
    kills_before: int = 0

    def begin(self, first: Callable[[], int], shared: Group | None) -> None:
        """A command of the run begins; `shared` is the builder's own group."""
        self.first, self.root, self.group, self.limit, self.over = first, None, None, None, False
        self.kills = self.kills_before = 0
        self.settle(shared)
        self.kills = self.kills_before = self.read_kills()

    def settle(self, shared: Group | None) -> None:
        """Find the command's process and its group, once it has them."""
        found = self.first()
        if found and found != self.root:
            group = find_group(found)
            self.limit = group.read_limit() if group is not None and group != shared else None
            self.root, self.group = found, group

    def roots(self) -> set[int]:
        """The processes that the run's others descend from."""
        return {*self.services, *(() if self.root is None else (self.root,))}

    def read_kills(self) -> int:
        """Processes of the group that were killed for memory; the last known number when the group is gone."""
        found = self.group.read_kills() if self.group is not None else None
        self.kills = self.kills if found is None else found
        return self.kills


@dataclass(slots=True)
class _Seen:
    """A process at this moment."""

    pid: int
    parent: int
    name: str
    began: float
    cpu_time: float
    memory: int


class Sampler:
    """Takes samples; not to be used by two threads at once. `folder` is on the disk that counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._self = psutil.Process()
        self.group = find_group(os.getpid())
        self._cpu: dict[tuple[int, float], float] = {}
        self._at = 0.0
        self._told: dict[tuple[int, int], RunVitals] = {}
        self._walk_at = 0.0
        psutil.cpu_percent()  # the first call only begins to count

    def take(self, runs: Iterable[Watched], now: float) -> Vitals:
        """One sample of all; `now` in Unix seconds."""
        watched = list(runs)
        if time.monotonic() >= self._walk_at:
            started = time.thread_time()
            self._walk(watched, now)
            self._walk_at = time.monotonic() + (time.thread_time() - started) / SHARE - _TICK
        told = tuple(self._told.get((one.run, one.lease)) or _nothing_of(one) for one in watched)
        return Vitals(machine=self.measure_machine(now), runs=told)

    def _walk(self, watched: Sequence[Watched], now: float) -> None:
        """Look at every process of the runs."""
        for one in watched:
            one.settle(self.group)
        begun = any(one.roots() for one in watched)
        seen = {one.pid: one for one in self._look(watched)} if begun else {}
        self._told = {(one.run, one.lease): self._measure(one, seen, now) for one in watched}
        self._cpu = {(one.pid, one.began): one.cpu_time for one in seen.values()}
        self._at = now

    def measure_machine(self, now: float) -> Machine:
        """The machine alone."""
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        total, used = memory.total, memory.total - memory.available
        limit = self.group.read_limit() if self.group else None
        if self.group is not None and limit is not None and limit < total:
            total, used = limit, self.group.read_used() or 0
        try:
            disk = psutil.disk_usage(self._folder)
            free, whole = disk.free, disk.total
        except OSError:
            free = whole = 0
        return Machine(
            at=now,
            memory=used,
            memory_total=total,
            swap=swap.used,
            swap_total=swap.total,
            disk_free=free,
            disk_total=whole,
            load=round(psutil.getloadavg()[0], 2),
            cpu=psutil.cpu_percent(),
            pressure=read_pressure(),
            oom_kills=read_kernel_kills(),
        )

    def _look(self, watched: Iterable[Watched]) -> Iterator[_Seen]:
        """All that descends from this process or from containers, and what did once: one walk serves all runs."""
        found = {process.pid: process for process in self._self.children(recursive=True)}
        for pid in {pid for one in watched for pid in one.roots()} - found.keys():  # the daemon's children
            with suppress(psutil.Error):
                root = psutil.Process(pid)
                found |= {process.pid: process for process in (root, *root.children(recursive=True))}
        for pid in {pid for one in watched for pid in one.known} - found.keys():
            with suppress(psutil.Error):
                found[pid] = psutil.Process(pid)
        for process in found.values():
            with suppress(psutil.Error), process.oneshot():
                times, memory = process.cpu_times(), process.memory_info()
                if process.status() != psutil.STATUS_ZOMBIE:
                    used = times.user + times.system
                    name = process.name()[:_NAME]
                    yield _Seen(process.pid, process.ppid(), name, process.create_time(), used, memory.rss)

    def _measure(self, watched: Watched, seen: Mapping[int, _Seen], now: float) -> RunVitals:
        own = _choose(watched, seen)
        watched.known = {one.pid: one.began for one in own}
        usage = Usage(
            memory=sum(one.memory for one in own),
            limit=watched.limit,
            oom_kills=watched.read_kills() if watched.group else None,
            processes=len(own),
        )
        own.sort(key=lambda one: one.memory, reverse=True)
        if watched.over:
            own = []
        told = tuple(self._tell(one, now) for one in own[:MOST_PROCESSES])
        return RunVitals(run=watched.run, lease=watched.lease, usage=usage, processes=told)

    def _tell(self, one: _Seen, now: float) -> Process:
        before, seconds = self._cpu.get((one.pid, one.began)), now - self._at
        busy = 0.0 if before is None or seconds <= 0 else max(100 * (one.cpu_time - before) / seconds, 0.0)
        return Process(pid=one.pid, parent=one.parent, name=one.name, cpu=round(busy, 1), memory=one.memory)


def _nothing_of(watched: Watched) -> RunVitals:
    return RunVitals(run=watched.run, lease=watched.lease, usage=Usage(limit=watched.limit))


def _choose(watched: Watched, seen: Mapping[int, _Seen]) -> list[_Seen]:
    """The run's processes: its roots, what was the run's before (its parent may be gone), and all below those."""
    before = (*watched.known.items(), *watched.services.items())
    own = {pid for pid, began in before if pid in seen and seen[pid].began == began}
    if watched.root is not None and watched.root in seen:
        own.add(watched.root)
    children: dict[int, list[int]] = {}
    for one in seen.values():
        children.setdefault(one.parent, []).append(one.pid)
    waiting = list(own)
    while waiting:
        fresh = [pid for pid in children.get(waiting.pop(), ()) if pid not in own]
        own.update(fresh)
        waiting += fresh
    return [seen[pid] for pid in sorted(own)]
