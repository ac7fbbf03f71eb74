"""Control groups: how much a run may use together, what it used, and an end for all of it at once.

Version 1, version 2 and both side by side: https://docs.kernel.org/admin-guide/cgroup-v2.html,
https://docs.kernel.org/admin-guide/cgroup-v1/. A limit is kept where its controller can be written.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from operator import attrgetter
from pathlib import Path

from hubwright.builder.executors.hierarchies import Place, find_places, find_roots, list_members
from hubwright.builder.executors.low_numbers import LowNumbers
from hubwright.builder.executors.terms import Spent
from hubwright.builder.kernel_files import make_folder, read_whole, write_whole
from hubwright.domain.limits import Limits

_PREFIX = "hubwright-"
_PERIOD = 100_000
_ROUNDS = 100
_PAUSE = 0.02


class Group:
    """The processes of one run, in every hierarchy that there is."""

    def __init__(self, places: tuple[Place, ...], numbers: LowNumbers) -> None:
        self._places = places
        self._numbers = numbers

    def limit(self, limits: Limits) -> None:
        """Set what can be set. Raises OSError."""
        for place in self._places:
            for name, value in _settings(place, limits):
                write_whole(f"{place.folder}/{name}", value)

    def doors(self) -> AbstractContextManager[tuple[int, ...]]:
        """Open files in which a process writes "0" to be in all of version 1; none where it can't be. Raises OSError.

        It waits for nothing so, while a process that is taken in by another one waits for every processor to pause.
        """
        return self._numbers.opened([f"{place.folder}/tasks" for place in self._places if not place.unified])

    def admit(self, pid: int, *, entered: bool = False) -> None:
        """Take a process in that may have `entered` by the doors; what it starts then is in too. Raises OSError."""
        for place in self._places:
            if place.unified or not entered:
                write_whole(f"{place.folder}/cgroup.procs", str(pid))

    def spent(self) -> Spent:
        """What the run used so far."""
        found = dict(pair for place in self._places for pair in _readings(place))
        return Spent(
            memory_peak=found.get("peak"),
            oom_kills=found.get("oom_kills", 0),
            pids_refused=found.get("refused", 0),
        )

    def pids(self) -> set[int]:
        """Every process in it."""
        return {pid for place in self._places for folder in _tree(place.folder) for pid in list_members(folder)}

    def close(self) -> None:
        """Kill all of it, also what forks meanwhile, and remove the group. Takes up to two seconds."""
        if self._remove_empty():
            return
        for _ in range(_ROUNDS):
            if not self._kill():
                break
            time.sleep(_PAUSE)
        for place in self._places:
            _remove(place.folder)

    def _remove_empty(self) -> bool:
        """Whether nothing was left in any hierarchy: the kernel removes no group that has a process or a group in it.

        Those that can freeze go last: with a process in one of the others, they are needed.
        """
        for place in sorted(self._places, key=attrgetter("freezes")):
            try:
                os.rmdir(place.folder)  # noqa: PTH106  a string
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True

    def _kill(self) -> bool:
        """Whether there was anything."""
        for place in self._places:
            if place.unified:
                with suppress(OSError):  # from Linux 5.14 on
                    write_whole(f"{place.folder}/cgroup.kill", "1")
        self._freeze("FROZEN")  # the same for version 1: nothing forks between two looks
        found = self.pids()
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self._freeze("THAWED")
        return bool(found)

    def _freeze(self, state: str) -> None:
        for place in self._places:
            if place.freezes:
                with suppress(OSError):
                    write_whole(f"{place.folder}/freezer.state", state)


class Groups:
    """Makes groups below the one that this process is in."""

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        """Look at what is there; a machine without control groups, or where they are not ours, has no places."""
        self._places = tuple(find_places(process))
        self._roots = tuple(find_roots(process))
        self._numbers = LowNumbers(sum(not place.unified for place in self._places))

    @property
    def usable(self) -> bool:
        """Whether there can be groups at all."""
        return bool(self._places)

    @property
    def controllers(self) -> frozenset[str]:
        """Which of `memory`, `pids` and `cpu` can be limited."""
        return frozenset().union(*(place.controllers for place in self._places))

    def open(self, name: str, limits: Limits) -> Group | None:
        """A group for a run with these limits; None where there can't be one."""
        places = tuple(place.below(f"{_PREFIX}{_owner(os.getpid())}-{name}") for place in _needed(self._places))
        group = Group(places, self._numbers)
        try:
            for place in places:
                make_folder(place.folder)
            group.limit(limits)
        except OSError:
            group.close()
            return None
        return group if places else None

    def open_for_containers(self, name: str, limits: Limits) -> tuple[str, Group] | None:
        """A group that a daemon of this machine can put a run's containers below, and its path; None where none can be.

        It is at the root of every hierarchy, because the daemon takes one path for all of them. A limit that can't be
        set holds for each container alone.
        """
        if not self._roots:
            return None
        path = f"{_PREFIX}{_owner(os.getpid())}-{name}"
        group = Group(tuple(place.below(path) for place in self._roots), self._numbers)
        try:
            for place in self._roots:
                if place.controllers:
                    make_folder(place.below(path).folder)
            group.limit(limits)
        except OSError:
            group.close()
            return None
        return f"/{path}", group

    def sweep(self) -> None:
        """End the groups of builders that are dead."""
        for places in (self._places, self._roots):
            names = {folder.name for place in places for folder in Path(place.folder).glob(f"{_PREFIX}*.*-*")}
            for name in names:
                owner = name.removeprefix(_PREFIX).partition("-")[0]
                pid = owner.partition(".")[0]
                if pid.isascii() and pid.isdigit() and _owner(int(pid)) != owner:
                    Group(tuple(place.below(name) for place in places), self._numbers).close()


def _needed(places: tuple[Place, ...]) -> tuple[Place, ...]:
    """Without version 2 where it limits nothing and version 1 can hold a group still: either is enough to end one."""
    freezes = any(place.freezes for place in places)
    return tuple(place for place in places if place.controllers or place.freezes or not freezes)


def _owner(pid: int) -> str:
    """A process's number and when it began: the same number may come again, but not both."""
    try:
        return f"{pid}.{Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except OSError:
        return ""


def _settings(place: Place, limits: Limits) -> Iterator[tuple[str, str]]:
    quota = None if limits.cpu is None else max(1000, int(limits.cpu * _PERIOD))
    if limits.pids is not None and "pids" in place.controllers:
        yield "pids.max", str(limits.pids)
    if limits.memory is not None and "memory" in place.controllers:
        yield "memory.max" if place.unified else "memory.limit_in_bytes", str(limits.memory)
        swap = "memory.swap.max" if place.unified else "memory.memsw.limit_in_bytes"
        if os.path.exists(f"{place.folder}/{swap}"):  # noqa: PTH110  each run comes through here
            yield swap, "0" if place.unified else str(limits.memory)
    if quota is not None and "cpu" in place.controllers:
        if place.unified:
            yield "cpu.max", f"{quota} {_PERIOD}"
        else:
            yield "cpu.cfs_period_us", str(_PERIOD)
            yield "cpu.cfs_quota_us", str(quota)


def _readings(place: Place) -> Iterator[tuple[str, int]]:
    if "memory" in place.controllers:
        peak = _numbers(place, "memory.peak" if place.unified else "memory.max_usage_in_bytes")
        kills = _numbers(place, "memory.events" if place.unified else "memory.oom_control")
        yield from (("peak", value) for key, value in peak.items() if key == "")
        yield from (("oom_kills", value) for key, value in kills.items() if key == "oom_kill")
    if "pids" in place.controllers:
        refused = _numbers(place, "pids.events")
        yield from (("refused", value) for key, value in refused.items() if key == "max")


def _numbers(place: Place, name: str) -> dict[str, int]:
    """Lines of `key number`, or one number under the key ""; nothing when the kernel does not tell."""
    try:
        lines = read_whole(f"{place.folder}/{name}").splitlines()
    except OSError:
        return {}
    pairs = (line.rpartition(" ") for line in lines)
    return {key: int(value) for key, _, value in pairs if value.isdigit()}


def _tree(folder: str) -> list[str]:
    """The folder and all below it, the deepest first."""
    return [path for path, _, _ in os.walk(folder, topdown=False)]


def _remove(folder: str) -> None:
    for inner in _tree(folder):
        for _ in range(_ROUNDS):
            try:
                os.rmdir(inner)  # noqa: PTH106  a string
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(_PAUSE)
