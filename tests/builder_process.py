"""The builder as a process of its own, beside a hub stand-in; and what tests look at on the machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

from hub_stand_in import TOKEN, HubStandIn

_PROGRAM = [sys.executable, "-m", "hubwright", "builder"]


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach and write to: builds of root's builder run as another user."""
    folder = Path(tempfile.mkdtemp(prefix="hubwright-test-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class BuilderProcess:
    """`hubwright builder`, with its words in `output`."""

    def __init__(
        self, url: str, work_dir: Path, *options: str, prefix: tuple[str, ...] = (), token: str = TOKEN
    ) -> None:
        self.work_dir = work_dir
        self._said = work_dir.parent / f"{work_dir.name}.said"
        env = os.environ | {"HUBWRIGHT_BUILDER_TOKEN": token, "CANARY_OF_THE_BUILDER": "canary-of-the-builder"}
        with self._said.open("ab") as said:
            self.process = subprocess.Popen(
                [*prefix, *_PROGRAM, "--hub", url, "--work-dir", str(work_dir), "--executor", "process", *options],
                env=env, stdout=said, stderr=said, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return self._said.read_text()

    def kill(self) -> None:
        """As a crash: no goodbye, no cleaning up."""
        self.process.kill()
        self.process.wait()

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    async def exit_code(self, seconds: float = 20) -> int:
        return await asyncio.to_thread(self.process.wait, seconds)


@contextlib.asynccontextmanager
async def hub_and_builder(
    folder: Path, *options: str, hub: HubStandIn | None = None, prefix: tuple[str, ...] = ()
) -> AsyncIterator[tuple[HubStandIn, BuilderProcess]]:
    """A hub stand-in with a builder that has said hello; both are gone afterwards."""
    async with (hub or HubStandIn()).running() as ready:
        builder = BuilderProcess(ready.url, folder / "work", *options, prefix=prefix)
        try:
            await ready.until(lambda: ready.connection)
            yield ready, builder
        finally:
            builder.kill()


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Let pytest run an async test."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def is_alive(pid: int) -> bool:
    """Whether the process still runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
