"""Where control groups can be made on this machine: a folder of each hierarchy, with the limits that can be set there.

https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hubwright.builder.kernel_files import read_whole

_OWN = "hubwright-builder"
"""The leaf that a builder moves into: version 2 gives controllers only to groups without processes of their own."""

_CONTROLLERS = ("memory", "pids", "cpu")
_FIRST_NAMESPACE = 0xEFFFFFFB  # PROC_CGROUP_INIT_INO of the kernel


@dataclass(frozen=True)
class Place:
    """A folder of one hierarchy, and which limits can be set below it."""

    folder: str
    controllers: frozenset[str]
    unified: bool
    freezes: bool = False  # version 1's way to hold all of a group still

    def below(self, name: str) -> Place:
        """The same for a group of that name."""
        return replace(self, folder=f"{self.folder}/{name}")


def find_places(process: Path) -> Iterator[Place]:
    """The groups that the process is in, as far as there can be others below them."""
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
                controllers = frozenset(names & set(_CONTROLLERS))
                yield Place(str(folder), controllers, unified=False, freezes="freezer" in names)
        elif kind == "cgroup2" and "" in paths and "" not in seen:
            seen.add("")
            folder = _folder(words, paths[""])
            folder = folder.parent if folder.name == _OWN else folder
            if os.access(folder, os.W_OK):
                yield Place(str(folder), frozenset(_delegate(folder)), unified=True)


def find_roots(process: Path) -> Iterator[Place]:
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
        yield Place(str(point), frozenset(names), unified=unified, freezes="freezer" in options)


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
    if not set(list_members(str(folder))) <= {os.getpid(), os.getppid()}:
        return
    leaf = folder / _OWN
    leaf.mkdir(exist_ok=True)
    for pid in list_members(str(folder)):
        (leaf / "cgroup.procs").write_text(str(pid))


def list_members(folder: str) -> list[int]:
    """The processes of a group; none when it is gone."""
    try:
        return [int(line) for line in read_whole(f"{folder}/cgroup.procs").split()]
    except OSError:
        return []
