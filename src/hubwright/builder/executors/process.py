"""A plain child process, as the builder's own user: for code that you trust with this machine."""

from __future__ import annotations

from collections.abc import Callable

from hubwright.builder.executors import Command
from hubwright.builder.executors.terminal import Running
from hubwright.builder.executors.tree import kill_marked
from hubwright.builder.workspace import Workspace


class ProcessExecutor:
    """Keeps the promises of `Executor` without walls: commands see the builder's files and processes."""

    name = "process"

    def prepare(self, workspace: Workspace) -> None:
        """Nothing to do: the builder's user owns the workspace."""

    def run(self, workspace: Workspace, command: Command, write: Callable[[bytes], None]) -> Running:  # noqa: ARG002
        """Start the command."""
        return Running(command.argv, command.env, command.directory, write)

    def destroy(self, workspace: Workspace) -> None:
        """Kill what has left the stages' process groups."""
        kill_marked(workspace.marker)
