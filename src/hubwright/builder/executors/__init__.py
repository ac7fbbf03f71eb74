"""How a stage's command becomes processes: the promises that every executor keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hubwright.builder.executors.terminal import Running
from hubwright.builder.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run: an argument list (never shell text from outside), the whole environment, and where."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    directory: Path


class Executor(Protocol):
    """Runs commands of a run in its workspace.

    All promise: output of stdout and stderr comes through one terminal (120 by 40) in the order written, stdin is
    empty, no environment but the command's own is passed on, and after `destroy` no process of the run is left.
    """

    @property
    def name(self) -> str:
        """`process` or `bubblewrap`."""

    def prepare(self, workspace: Workspace) -> None:
        """Make the checked-out workspace usable for the commands. Raises ExecutorError."""

    def run(self, workspace: Workspace, command: Command, write: Callable[[bytes], None]) -> Running:
        """Start the command; `write` gets its output, in the event loop. Raises ExecutorError when it can't start."""

    def destroy(self, workspace: Workspace) -> None:
        """Kill what is left of the run, also what went into the background or a session of its own."""
