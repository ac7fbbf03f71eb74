"""What every measured build server can be asked for."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

T = TypeVar("T")

CLOCK = "date +%s.%N"
"""The command whose output is the time."""


class NotHereError(Exception):
    """The system can't be measured on this machine; the text says why."""


OTHERWISE = "… "
"""How the names of Hubwright begin where it is run otherwise than by `hubwright up`."""


@dataclass(frozen=True)
class Work:
    """What a push starts: one command, in a tree of the commit or in an empty folder; `slots` at a time.

    Without a command the build notes the time, for `find_first_command`.
    """

    command: str | None = "true"
    checkout: bool = False
    slots: int = 4
    builder: bool = True  # without one, builds wait


class System(Protocol):
    """A build server in a folder of its own, started as real processes."""

    name: str
    slow: ClassVar[bool]
    """Needs minutes for what others do in seconds: it is given less."""
    keeps_work: ClassVar[bool]
    """Work may come back long after a kill."""
    follows: ClassVar[bool]
    """Has a live log that the benchmark can follow."""
    unbuilt: ClassVar[dict[str, str]]
    """How a push is made that is kept and not built."""
    ready_after: float
    """Seconds that the first start took."""

    def start(self, folder: Path, work: Work) -> None:
        """Set up in `folder`, start, and return when pushes are taken and builders are there."""

    def start_again(self) -> float:
        """Start on what is there; the seconds until it answers."""

    def stop(self) -> None:
        """End every process."""

    def rest(self) -> None:
        """End its programs, so that `start_again` can begin them; servers beside them go on."""

    def kill(self) -> None:
        """SIGKILL to the server alone, of several hubs to the one at `hook`; its builders go when they notice."""

    @property
    def hook(self) -> str:
        """Where pushes go."""

    @property
    def hooks(self) -> list[str]:
        """The same of every hub, which differ in their port alone."""

    def processes(self) -> dict[str, int]:
        """The living processes by what they are: `hub`, and `builder`, `worker`, `database` where there is one.

        Further ones of a kind have a number after a blank: `hub 2`.
        """

    def count_kept(self) -> int:
        """Pushes that lie in the database."""

    def count_builds(self, *, finished: bool = True) -> int:
        """Builds in the database; those that are green, or all."""

    def find_first_command(self, sha: str) -> float | None:
        """When the first command of a commit's build ran, Unix seconds; None before that is known."""

    def find_stream(self, sha: str, /) -> str | None:
        """The address of a commit's live log, None before there is one."""

    def log_addresses(self, sha: str, /) -> list[str]:
        """Where the whole log of a commit's finished build is downloaded: as written, then other forms."""


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def until(condition: Callable[[], T], seconds: float, what: str, pause: float = 0.005) -> T:
    """Poll until `condition()` is true and give what it gave. Raises TimeoutError that says `what`."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} within {seconds:.0f} s")
        time.sleep(pause)
    return answer


def end(process: subprocess.Popen[bytes] | None, patience: float = 15.0) -> None:
    """Ask a process to end, and end it."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
