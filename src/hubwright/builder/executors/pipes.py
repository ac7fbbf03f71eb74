"""A process whose output comes through a pipe, for machines without terminals: nothing in it is of one platform.

Designed for Windows, where it has not been run yet; tested on Linux.
"""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress

import psutil

from hubwright.builder.executors import Command
from hubwright.errors import ExecutorError

_READ = 65_536
_GROUP = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
_LATE = 0.3  # seconds that output may come after the end, while a background process holds the pipe open


class OnPipes:
    """A started command, see `Running`; programs see that their output is no terminal."""

    def __init__(self, command: Command, write: Callable[[bytes], None]) -> None:
        """Start it. Raises ExecutorError."""
        self._loop = asyncio.get_running_loop()
        self._write = write
        try:
            self._process = subprocess.Popen(
                command.argv,
                env=dict(command.env),
                cwd=command.directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                creationflags=_GROUP,
            )
        except (OSError, ValueError) as error:
            raise ExecutorError(f"{command.argv[0]} can't be started: {error}") from error
        self.idle_since = self._loop.time()
        self._silent = asyncio.Event()
        self._thread = threading.Thread(target=self._read, name="output", daemon=True)
        self._thread.start()
        self.finished = self._loop.create_task(self._finish())

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    async def kill(self, grace: float) -> None:
        """Ask the process and all below it to end, and force them after `grace` seconds."""
        for process in self._tree():
            with suppress(psutil.Error):
                process.terminate()
        done, _ = await asyncio.wait([self.finished], timeout=grace)
        if not done:
            for process in self._tree():
                with suppress(psutil.Error):
                    process.kill()
            await asyncio.wait([self.finished])

    async def _finish(self) -> int:
        tree: list[psutil.Process] = []
        while self._process.poll() is None:
            tree = self._tree() or tree
            await asyncio.sleep(0.05)
        for process in tree[1:]:  # background processes end with their leader
            with suppress(psutil.Error):
                process.kill()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._silent.wait(), _LATE)
        code = self._process.returncode
        return code if code >= 0 else 128 - code

    def _tree(self) -> list[psutil.Process]:
        if self._process.returncode is not None:
            return []
        with suppress(psutil.Error):
            leader = psutil.Process(self._process.pid)
            return [leader, *leader.children(recursive=True)]
        return []

    def _read(self) -> None:
        """In the thread: give on what comes until the end."""
        pipe = self._process.stdout
        with suppress(RuntimeError, OSError):  # the loop has been closed
            if pipe is not None:
                with pipe:
                    while chunk := pipe.read1(_READ):  # type: ignore[attr-defined]
                        self._loop.call_soon_threadsafe(self._take, chunk)
            self._loop.call_soon_threadsafe(self._silent.set)

    def _take(self, chunk: bytes) -> None:
        self.idle_since = self._loop.time()
        self._write(chunk)
