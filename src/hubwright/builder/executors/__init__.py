"""How a stage's command becomes processes: the promises that every executor keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from hubwright.builder.executors.terms import Spent, Terms
from hubwright.builder.workspace import Workspace
from hubwright.domain.recipe_values import Service

MARKER = "HUBWRIGHT_RUN"
"""The variable that every process of a run inherits."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run: an argument list (never shell text from outside), the whole environment, and where.

    Without `network` it reaches nothing; with it, what the run's terms and the builder's policy allow. `image`: the
    container image to run in, None for none.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    directory: Path
    network: bool = True
    image: str | None = None


@dataclass(frozen=True, kw_only=True)
class TakenImage:
    """An image as it was taken: a tag may be another one tomorrow.

    `id` is the daemon's; `digest` the manifest's in its registry, "" for an image that was made on this machine.
    """

    name: str
    id: str
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Furniture:
    """What a run needs beside its workspace: images that its stages run in, services that run beside them."""

    images: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()


class Running(Protocol):
    """A started command. `finished` gives its exit code; `idle_since` is the loop's time of its last output.

    When `finished` is done, all output has been written and its process group is dead. 128 + N: signal N ended it.
    """

    finished: asyncio.Task[int]

    @property
    def idle_since(self) -> float:
        """The loop's time of the last output."""

    @property
    def pid(self) -> int:
        """The number of the command's first process."""

    async def kill(self, grace: float) -> None:
        """Ask the group to end, and force it after `grace` seconds. Returns when it is gone."""


class Executor(Protocol):
    """Runs commands of a run in its workspace.

    All promise: output of stdout and stderr comes through one terminal (120 by 40) in the order written, stdin is
    empty, no environment but the command's own is passed on, no run gets more than the builder's policy allows, and
    after `destroy` no process of the run is left. `docs/builders.md` says what each of them walls off.
    """

    @property
    def name(self) -> str:
        """`process`, `bubblewrap` or `container`."""

    def prepare(self, workspace: Workspace, terms: Terms) -> list[str]:
        """Make the checked-out workspace usable for the commands. Raises ExecutorError.

        Gives sentences for the log: what the run asked for and does not get.
        """

    def run(self, workspace: Workspace, command: Command, write: Callable[[bytes], None]) -> Running:
        """Start the command; `write` gets its output, in the event loop. Raises ExecutorError when it can't start."""

    def spent(self, workspace: Workspace) -> Spent:
        """What the run used since `prepare`; until `destroy`, afterwards nothing is known."""

    def destroy(self, workspace: Workspace) -> None:
        """Kill what is left of the run, also what went into the background or a session of its own."""

    def sweep(self, prefix: str) -> None:
        """End what a dead builder left of runs whose markers begin so."""


@runtime_checkable
class Furnishing(Protocol):
    """An executor that has containers: it takes commands with an image."""

    async def furnish(
        self, workspace: Workspace, furniture: Furniture, say: Callable[[str], None]
    ) -> tuple[TakenImage, ...]:
        """After `prepare`: bring images, start services and wait for them; the images. Raises ExecutorError.

        May be cancelled; `destroy` ends what it has begun. `say` is given lines for the log, in the event loop.
        """

    def services(self, workspace: Workspace) -> tuple[int, ...]:
        """The numbers of the services' first processes, as far as they can be seen from here."""

    def written(self, workspace: Workspace) -> int:
        """Bytes that the run's containers have written to files of their own."""
