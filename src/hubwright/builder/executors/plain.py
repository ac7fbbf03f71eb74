"""Plain child processes with what every platform has: the `process` executor of machines that are no Linux."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

import psutil

from hubwright.builder.executors import MARKER, Command, Running
from hubwright.builder.executors.terms import Policy, Spent, Terms
from hubwright.builder.workspace import Workspace
from hubwright.errors import ExecutorError

if sys.platform == "win32":
    from hubwright.builder.executors.pipes import OnPipes
else:
    from hubwright.builder.executors.spawn import Start
    from hubwright.builder.executors.terminal import OnTerminal


class PlainExecutor:
    """Keeps the promises of `Executor` but for the walls: there are none, and limits are not kept."""

    name = "process"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._terms: dict[str, Terms] = {}

    def prepare(self, workspace: Workspace, terms: Terms) -> list[str]:
        """Remember the terms."""
        self._terms[workspace.marker] = terms
        return ["This builder can't limit what a run uses."] if terms.limits.to_json() else []

    def run(self, workspace: Workspace, command: Command, write: Callable[[bytes], None]) -> Running:
        """Start the command. Raises ExecutorError when it is to have no network, which can't be had here."""
        if not command.network or not self._policy.allows_network(self._terms.get(workspace.marker, Terms())):
            raise ExecutorError("This builder can't keep a stage from the network; it has no sandbox.")
        if sys.platform == "win32":
            return OnPipes(command, write)
        else:
            return OnTerminal(Start(argv=command.argv, env=command.env, directory=command.directory), write)

    def spent(self, workspace: Workspace) -> Spent:  # noqa: ARG002
        """Nobody counts."""
        return Spent()

    def destroy(self, workspace: Workspace) -> None:
        """Kill what has left the stages' process groups."""
        self._terms.pop(workspace.marker, None)
        _kill(lambda marker: marker == workspace.marker)

    def sweep(self, prefix: str) -> None:
        """End what a dead builder has left."""
        _kill(lambda marker: marker.startswith(prefix))


def _kill(is_meant: Callable[[str], bool]) -> None:
    """Kill the processes of this machine whose marker is meant."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            marker = process.environ().get(MARKER)
            if marker is not None and is_meant(marker):
                process.kill()
