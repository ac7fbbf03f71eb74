"""Control groups: how much a run may use together, what it used, and an end for all of it at once.

Version 1, version 2 and both side by side: https://docs.kernel.org/admin-guide/cgroup-v2.html,
https://docs.kernel.org/admin-guide/cgroup-v1/. A limit is kept where its controller can be written.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hubwright.builder.executors.terms import Spent
from hubwright.domain.limits import Limits

_PREFIX = "hubwright-"
_OWN = "hubwright-builder"
"""The leaf that a builder moves into: version 2 gives controllers only to groups without processes of their own."""

_CONTROLLERS = ("memory", "pids", "cpu")
_FIRST_NAMESPACE = 0xEFFFFFFB  # PROC_CGROUP_INIT_INO of the kernel
_PERIOD = 100_000
_ROUNDS = 100
_PAUSE = 0.02


@dataclass(frozen=True)
class Place:
    """A folder of one hierarchy, and which limits can be set below it."""

    folder: Path
    controllers: frozenset[str]
    unified: bool

    def below(self, name: str) -> Place:
        """The same for a group of that name."""
        return Place(self.folder / name, self.controllers, self.unified)


class Group:
    """The processes of one run, in every hierarchy that there is."""

    def __init__(self, places: tuple[Place, ...]) -> None:
        self._places = places

    def limit(self, limits: Limits) -> None:
        """Set what can be set. Raises OSError."""
        for place in self._places:
            for name, value in _settings(place, limits):
                (place.folder / name).write_text(value)

    def admit(self, pid: int) -> None:
        """Take a process in; what it starts from now on is in too. Raises OSError."""
        for place in self._places:
            (place.folder / "cgroup.procs").write_text(str(pid))

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
        return {pid for place in self._places for folder in _tree(place.folder) for pid in _members(folder)}

    def close(self) -> None:
        """Kill all of it, also what forks meanwhile, and remove the group. Takes up to two seconds."""
        for _ in range(_ROUNDS):
            if not self._kill():
                break
            time.sleep(_PAUSE)
        for place in self._places:
            _remove(place.folder)

    def _kill(self) -> bool:
        """Whether there was anything."""
        for place in self._places:
            if place.unified:
                with suppress(OSError):  # from Linux 5.14 on
                    (place.folder / "cgroup.kill").write_text("1")
        self._freeze("FROZEN")  # the same for version 1: nothing forks between two looks
        found = self.pids()
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self._freeze("THAWED")
        return bool(found)

    def _freeze(self, state: str) -> None:
        for place in self._places:
            with suppress(OSError):
                if not place.unified and (place.folder / "freezer.state").exists():
                    (place.folder / "freezer.state").write_text(state)


class Groups:
    """Makes groups below the one that this process is in."""

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        """Look at what is there; a machine without control groups, or where they are not ours, has no places."""
        self._places = tuple(_find_places(process))
        self._roots = tuple(_find_roots(process))

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
        places = tuple(place.below(f"{_PREFIX}{_owner(os.getpid())}-{name}") for place in self._places)
        group = Group(places)
        try:
            for place in places:
                place.folder.mkdir(exist_ok=True)
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
        group = Group(tuple(place.below(path) for place in self._roots))
        try:
            for place in self._roots:
                if place.controllers:
                    place.below(path).folder.mkdir(exist_ok=True)
            group.limit(limits)
        except OSError:
            group.close()
            return None
        return f"/{path}", group

    def sweep(self) -> None:
        """End the groups of builders that are dead."""
        for places in (self._places, self._roots):
            names = {folder.name for place in places for folder in place.folder.glob(f"{_PREFIX}*.*-*")}
            for name in names:
                owner = name.removeprefix(_PREFIX).partition("-")[0]
                pid = owner.partition(".")[0]
                if pid.isascii() and pid.isdigit() and _owner(int(pid)) != owner:
                    Group(tuple(place.below(name) for place in places)).close()


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
        if (place.folder / swap).exists():
            yield swap, "0" if place.unified else str(limits.memory)
    if quota is not None and "cpu" in place.controllers:
        if place.unified:
            yield "cpu.max", f"{quota} {_PERIOD}"
        else:
            yield "cpu.cfs_period_us", str(_PERIOD)
            yield "cpu.cfs_quota_us", str(quota)


def _readings(place: Place) -> Iterator[tuple[str, int]]:
    if "memory" in place.controllers:
        peak = _numbers(place.folder / ("memory.peak" if place.unified else "memory.max_usage_in_bytes"))
        kills = _numbers(place.folder / ("memory.events" if place.unified else "memory.oom_control"))
        yield from (("peak", value) for key, value in peak.items() if key == "")
        yield from (("oom_kills", value) for key, value in kills.items() if key == "oom_kill")
    if "pids" in place.controllers:
        refused = _numbers(place.folder / "pids.events")
        yield from (("refused", value) for key, value in refused.items() if key == "max")


def _numbers(file: Path) -> dict[str, int]:
    """Lines of `key number`, or one number under the key ""; nothing when the kernel does not tell."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.rpartition(" ") for line in lines)
    return {key: int(value) for key, _, value in pairs if value.isdigit()}


def _find_places(process: Path) -> Iterator[Place]:
    try:
        mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
        own = [line.split(":", 2) for line in (process / "cgroup").read_text().splitlines()]
    except OSError:
        return
    paths = {name: path for _, names, path in own for name in names.split(",")}
    seen: set[str] = set()
    for words in mounts:
        kind, options = words[words.index("-") + 1], words[-1].split(",")
        if kind == "cgroup":
            names = (set(options) & {*_CONTROLLERS, "freezer"}) - seen
            seen |= names
            path = paths.get(next(iter(names), "?"))
            if path is not None and os.access(folder := _folder(words, path), os.W_OK):
                yield Place(folder, frozenset(names & set(_CONTROLLERS)), unified=False)
        elif kind == "cgroup2" and "" in paths and "" not in seen:
            seen.add("")
            folder = _folder(words, paths[""])
            folder = folder.parent if folder.name == _OWN else folder
            if os.access(folder, os.W_OK):
                yield Place(folder, frozenset(_delegate(folder)), unified=True)


def _find_roots(process: Path) -> Iterator[Place]:
    """The roots of all hierarchies, for who may write there and sees what a daemon outside of containers sees."""
    try:
        mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
        first = (process / "ns" / "cgroup").stat().st_ino == _FIRST_NAMESPACE
    except OSError:
        return
    for words in mounts:
        kind, options, point = words[words.index("-") + 1], words[-1].split(","), Path(words[4])
        if not first or not kind.startswith("cgroup") or words[3] != "/" or not os.access(point, os.W_OK):
            continue
        unified = kind == "cgroup2"
        names = _delegate(point) if unified else set(options) & set(_CONTROLLERS)
        yield Place(point, frozenset(names), unified=unified)


def _folder(mount: list[str], path: str) -> Path:
    """Where the group `path` is: mounts in containers show only a part of the hierarchy."""
    root, point = PurePosixPath(mount[3]), Path(mount[4])
    inside = PurePosixPath(path)
    return point / inside.relative_to(root) if inside.is_relative_to(root) else point


def _delegate(folder: Path) -> set[str]:
    """Which controllers groups below may have, after asking for all."""
    below = folder / "cgroup.subtree_control"
    try:
        wanted = set((folder / "cgroup.controllers").read_text().split()) & set(_CONTROLLERS)
        if not wanted <= set(below.read_text().split()):
            words = " ".join(f"+{name}" for name in sorted(wanted))
            try:
                below.write_text(words)
            except OSError:
                _step_aside(folder)
                below.write_text(words)
        return wanted & set(below.read_text().replace("+", "").split())
    except OSError:
        return set()


def _step_aside(folder: Path) -> None:
    """Move this process and its parent into a leaf, when nobody else is in the group. Raises OSError."""
    if not set(_members(folder)) <= {os.getpid(), os.getppid()}:
        return
    leaf = folder / _OWN
    leaf.mkdir(exist_ok=True)
    for pid in _members(folder):
        (leaf / "cgroup.procs").write_text(str(pid))


def _members(folder: Path) -> list[int]:
    try:
        return [int(line) for line in (folder / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _tree(folder: Path) -> list[Path]:
    """The folder and all below it, the deepest first."""
    return [Path(path) for path, _, _ in os.walk(folder, topdown=False)]


def _remove(folder: Path) -> None:
    for inner in _tree(folder):
        for _ in range(_ROUNDS):
            try:
                inner.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(_PAUSE)
