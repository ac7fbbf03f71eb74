"""What each run has on the machine beside its workspace: a user number, a control group, limits."""

from __future__ import annotations

import os
import resource
import stat
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from hubwright.builder.executors.cgroups import Group, Groups
from hubwright.builder.executors.leaders import Leaders
from hubwright.builder.executors.syscalls import unmount
from hubwright.builder.executors.terms import Policy, Spent, Terms
from hubwright.builder.executors.tree import kill_marked, reap_orphans, ticks_now
from hubwright.builder.executors.users import User, Users
from hubwright.builder.kernel_files import read_whole, write_whole
from hubwright.builder.workspace import Workspace
from hubwright.domain.limits import Limits
from hubwright.errors import ExecutorError

_MOST_FILES = 65_536
_BLOCK = 512  # bytes that a shell's `ulimit -f` counts in
_FIRST_TO_DIE = "500"
_NAMES = {"memory": "memory", "pids": "processes", "cpu": "processors"}


@dataclass(frozen=True)
class Cell:
    """One run's. `began` is in clock ticks after boot, `limits` those that hold."""

    terms: Terms
    limits: Limits
    user: User | None
    group: Group | None
    began: float

    @property
    def owner(self) -> tuple[int, int] | None:
        """User and group number; None: the builder's own."""
        return None if self.user is None else (self.user.number, self.user.group)

    @property
    def precise(self) -> bool:
        """Whether all processes of the run, and no others, can be found for certain."""
        return self.group is not None or (self.user is not None and self.user.lock is not None)

    @property
    def sealed(self) -> bool:
        """Whether all its processes are found in two ways, by user and by group: nobody has to look at all others'."""
        return self.group is not None and self.user is not None and self.user.lock is not None

    def doors(self) -> AbstractContextManager[tuple[int, ...]]:
        """By which its processes come in; none where they can't by themselves. Raises OSError."""
        return nullcontext(()) if self.group is None else self.group.doors()

    def admit(self, doors: Sequence[int], pid: int) -> None:
        """Take a process in, and make it the kernel's first choice when memory is short. Raises OSError."""
        if self.group is not None:
            self.group.admit(pid, entered=bool(doors))
        with suppress(OSError):
            write_whole(f"/proc/{pid}/oom_score_adj", _FIRST_TO_DIE)


class Cells:
    """All cells of a builder, by the marker of their run. Used from several threads; each run from one at a time."""

    def __init__(self, policy: Policy, users: Users | None, groups: Groups) -> None:
        self.policy = policy
        self._users = users
        self.groups = groups
        self._open: dict[str, Cell] = {}
        self.leaders = Leaders()

    def open(self, workspace: Workspace, terms: Terms) -> list[str]:
        """Make the cell, and hand the workspace to its user. Raises ExecutorError.

        Gives sentences about limits that the run wants and does not get.
        """
        limits = terms.limits.within(self.policy.limits)
        user = None if self._users is None else self._users.take()
        group = self.groups.open(workspace.marker, limits)
        cell = Cell(terms, limits, user, group, ticks_now())
        self._open[workspace.marker] = cell
        if cell.owner is not None:
            _hand_over(workspace.root, *cell.owner)
        return [*self._cut_off(terms), *self._less(terms.limits), *self._unkept(terms.limits, group)]

    def get(self, workspace: Workspace) -> Cell:
        """The cell of a prepared run. Raises ExecutorError."""
        try:
            return self._open[workspace.marker]
        except KeyError:
            raise ExecutorError("the run was not prepared, or is over.") from None

    def spent(self, workspace: Workspace) -> Spent:
        """What the run used so far."""
        cell = self._open.get(workspace.marker)
        return Spent() if cell is None or cell.group is None else cell.group.spent()

    def begun_after(self, workspace: Workspace) -> float | None:
        """When the first of the other runs began, of those that are open."""
        return min(
            (cell.began for marker, cell in self._open.copy().items() if marker != workspace.marker), default=None
        )

    def close(self, workspace: Workspace) -> None:
        """End all processes of the run, take mounts out of its workspace, and delete its traces."""
        cell = self._open.pop(workspace.marker, None)
        if cell is None or not cell.sealed:
            kill_marked(workspace.marker)
        if cell is not None and cell.group is not None:
            cell.group.close()
        reap_orphans(self.leaders)  # else their user would still run something, and all processes be looked through
        if cell is not None and cell.user is not None and self._users is not None:
            self._users.give_back(cell.user)
        _unmount_below(workspace.root)
        reap_orphans(self.leaders)

    def sweep(self, prefix: str) -> None:
        """End what a dead builder has left."""
        kill_marked(prefix, prefix=True)
        self.groups.sweep()
        if self._users is not None:
            self._users.sweep()

    def ulimits(self, *, count_processes: bool) -> str:
        """Shell text: no core files, bounds of files; of processes too where no control group does it."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        hard = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
        text = f"ulimit -c 0; ulimit -Sn {min(max(soft, 1), hard)}; ulimit -Hn {hard}; "
        if self.policy.file_size is not None:
            text += f"ulimit -f {max(1, self.policy.file_size // _BLOCK)}; "
        pids = self.policy.limits.pids
        if count_processes and pids is not None and "pids" not in self.groups.controllers:
            text += f"{{ ulimit -u {pids} || ulimit -p {pids}; }} 2>/dev/null; "
        return text

    def _cut_off(self, terms: Terms) -> list[str]:
        if self.policy.allows_network(terms):
            return []
        why = (
            "gives builds none" if not self.policy.network else "gives builds of forks none (--untrusted-network does)"
        )
        return [f"There is no network: this builder {why}."]

    def _less(self, asked: Limits) -> list[str]:
        ceiling = self.policy.limits
        return [
            f"The recipe asks for more {_NAMES[name]} than this builder allows: {getattr(ceiling, name):g} it is."
            for name in asked.exceeded(ceiling)
        ]

    def _unkept(self, asked: Limits, group: Group | None) -> list[str]:
        kept = self.groups.controllers if group is not None else frozenset()
        return [
            f"This builder can't limit {_NAMES[name]}: it has no control groups for that."
            for name in asked.to_json()
            if name not in kept
        ]


def _hand_over(root: Path, uid: int, gid: int) -> None:
    """Give the workspace to the run's user, and close it to others."""
    os.chown(root, uid, gid)
    root.chmod(stat.S_IRWXU)
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), uid, gid, follow_symlinks=False)  # noqa: PTH118  5,000 files


def _unmount_below(root: Path) -> None:
    """Deleting a workspace must not delete what somebody has mounted in it."""
    try:
        mounts = read_whole("/proc/self/mountinfo")
    except OSError:
        return
    if f"/{root.name}/" not in mounts:  # mostly; its name has nothing that would be written otherwise there
        return
    points = [line.split()[4].encode().decode("unicode_escape") for line in mounts.splitlines()]
    for point in reversed([point for point in points if point.startswith(f"{root}/")]):
        with suppress(OSError):
            unmount(point)
