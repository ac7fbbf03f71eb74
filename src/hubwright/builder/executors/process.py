"""A plain child process: for code that you trust with this machine, with what walls the machine can give it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from hubwright.builder.executors import Command, Running
from hubwright.builder.executors.cells import Cell, Cells
from hubwright.builder.executors.landlock import enter_rules, find_version, make_rules
from hubwright.builder.executors.seccomp import enter_filter, make_filter
from hubwright.builder.executors.spawn import Start
from hubwright.builder.executors.syscalls import PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, new_keyring, prctl
from hubwright.builder.executors.system import LINKS, WHOLE, open_etc, own_python
from hubwright.builder.executors.terminal import OnTerminal
from hubwright.builder.executors.terms import Spent, Terms
from hubwright.builder.executors.tree import kill_orphans
from hubwright.builder.workspace import Workspace
from hubwright.errors import ExecutorError

_READABLE = (*WHOLE, *LINKS, "/proc", "/sys", "/run/systemd/resolve", "/var/lib/dpkg")
_WRITABLE = ("/dev", "/tmp", "/var/tmp")  # noqa: S108  what programs expect everywhere


class ProcessExecutor:
    """Keeps the promises of `Executor` with no namespaces: commands see the machine's processes and its network.

    Commands have no new privileges, a filter of system calls and, where the kernel has Landlock, walls around files.
    """

    name = "process"

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._policy = cells.policy
        self._landlock = find_version() if cells.policy.landlock else 0
        self._rules: dict[str, int] = {}
        with suppress(OSError):
            prctl(PR_SET_CHILD_SUBREAPER, 1)  # daemons become our children when their parents end

    def prepare(self, workspace: Workspace, terms: Terms) -> list[str]:
        """Make the run's cell and hand its workspace over."""
        warnings = self._cells.open(workspace, terms)
        if self._landlock:
            self._rules[workspace.marker] = self._make_rules(workspace, self._cells.get(workspace).owner)
        return warnings

    def run(self, workspace: Workspace, command: Command, write: Callable[[bytes], None]) -> Running:
        """Start the command."""
        cell = self._cells.get(workspace)
        network = command.network and self._policy.allows_network(cell.terms)
        program = make_filter(network=network) if self._policy.seccomp or not network else None
        if program is None and not network:
            raise ExecutorError(
                "This builder can't keep a stage from the network: it has neither a sandbox nor seccomp."
            )
        with cell.doors() as doors:
            start = Start(
                argv=command.argv,
                env=command.env,
                directory=command.directory,
                owner=cell.owner,
                doors=doors,
                ulimits=self._cells.ulimits(count_processes=_is_alone(cell)),
                admit=partial(cell.admit, doors),
                confine=partial(_confine, self._rules.get(workspace.marker), program),
            )
            return self._cells.leaders.follow(partial(OnTerminal, start, write))

    def spent(self, workspace: Workspace) -> Spent:
        """What the run used so far."""
        return self._cells.spent(workspace)

    def destroy(self, workspace: Workspace) -> None:
        """Kill what has left the stages' process groups."""
        with suppress(ExecutorError):
            cell = self._cells.get(workspace)
            if not cell.precise:
                # An orphan may be any run's that had begun; it is ended with the last one that it can be of.
                until = self._cells.begun_after(workspace)
                kill_orphans(cell.began, math.inf if until is None else until, self._cells.leaders)
        self._cells.close(workspace)
        if (rules := self._rules.pop(workspace.marker, None)) is not None:
            os.close(rules)

    def sweep(self, prefix: str) -> None:
        """End what a dead builder has left."""
        self._cells.sweep(prefix)

    def _make_rules(self, workspace: Workspace, owner: tuple[int, int] | None) -> int:
        objects = () if workspace.objects is None else (workspace.objects,)
        readable = (*map(Path, _READABLE), *open_etc(owner), *own_python(), *objects, *self._policy.readable)
        writable = (*map(Path, _WRITABLE), workspace.root, workspace.tree)
        try:
            return make_rules(self._landlock, readable, writable)
        except OSError as error:
            raise ExecutorError(f"the walls around the command can't be built: {error.strerror}") from error


def _is_alone(cell: Cell) -> bool:
    """Whether the run's user has no other processes, so that they can be counted by user."""
    return cell.user is not None and cell.user.lock is not None


def _confine(rules: int | None, program: bytes | None) -> None:
    """In the thread that starts the command."""
    new_keyring()
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if rules is not None:
        enter_rules(rules)
    if program is not None:
        enter_filter(program)
