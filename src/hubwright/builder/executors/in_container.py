"""A command in a container of its own: its output as it comes, its end told truly, nothing of it left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubwright.builder.executors.daemon import Daemon, RefusedError, find_process
from hubwright.errors import ExecutorError

NOT_FOUND = 127
"""Exit code of a command that is not there."""

_ROWS, _COLUMNS = "40", "120"
_LATE = 4.0  # seconds that the daemon has for killing and for removing a container


@dataclass(frozen=True, kw_only=True)
class Room:
    """The container to be: its name, what the API is sent, further networks, and how its end is looked at.

    `judge` is given the exit code and whether memory ran out; it returns the code to tell or raises ExecutorError.
    """

    name: str
    body: dict[str, Any]
    networks: Sequence[str] = ()
    judge: Callable[[int, bool], int]


class InContainer:
    """A started command, see `Running`. Its `pid` is 0 until it runs, and where it can't be seen from here."""

    def __init__(self, daemon: Daemon, room: Room, write: Callable[[bytes], None]) -> None:
        self._daemon = daemon
        self._room = room
        self._path = f"/containers/{room.name}"
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._held = b""
        self._started = False
        self.pid = 0
        self._spoke = self._loop.time()
        self.finished = self._loop.create_task(self._go())

    @property
    def idle_since(self) -> float:
        """Now, until the container runs: what the daemon takes is not the command's silence."""
        return self._spoke if self._started else self._loop.time()

    async def kill(self, grace: float) -> None:
        """Ask the command to end, and force the container after `grace` seconds. Returns when it is gone."""
        if self.finished.done():
            return
        if self._started:
            await self._signal("SIGTERM")
            if await self._has_ended(grace):
                return
            await self._signal("SIGKILL")
            if await self._has_ended(_LATE):
                return
        self.finished.cancel()
        await self._has_ended(_LATE)

    async def _has_ended(self, seconds: float) -> bool:
        return bool((await asyncio.wait([self.finished], timeout=seconds))[0])

    async def _signal(self, name: str) -> None:
        with suppress(ExecutorError):  # it has just ended
            await asyncio.to_thread(
                self._daemon.ask, "POST", f"{self._path}/kill", params={"signal": name}, patience=_LATE
            )

    async def _go(self) -> int:
        making = asyncio.ensure_future(asyncio.to_thread(self._make))
        try:
            await asyncio.shield(making)
            return self._room.judge(*await self._watch())
        except RefusedError as error:
            raise ExecutorError(f"The container can't be run: {error}") from error
        finally:
            await asyncio.wait([making])  # a thread can't be cancelled: what it makes is removed
            await asyncio.to_thread(remove_container, self._daemon, self._room.name)

    def _make(self) -> None:
        self._daemon.ask("POST", "/containers/create", self._room.body, params={"name": self._room.name})
        for network in self._room.networks:
            self._daemon.ask("POST", f"/networks/{network}/connect", {"Container": self._room.name})

    async def _watch(self) -> tuple[int, bool]:
        what = {"stream": "1", "stdout": "1", "stderr": "1"}
        async with self._daemon.stream(f"{self._path}/attach", params=what) as output:
            self.pid, self._started = await asyncio.to_thread(self._start), True
            self._spoke = self._loop.time()
            async for chunk in output:
                self._take(chunk)
        self._take(b"", last=True)
        return await asyncio.to_thread(self._look)

    def _start(self) -> int:
        self._daemon.ask("POST", f"{self._path}/start")
        with suppress(ExecutorError):  # it may have ended; the gate sets the size too
            self._daemon.ask("POST", f"{self._path}/resize", params={"h": _ROWS, "w": _COLUMNS})
        return find_process(self._daemon.ask("GET", f"{self._path}/json"))

    def _look(self) -> tuple[int, bool]:
        """Exit code and whether memory ran out. Raises ExecutorError, also when the daemon lost the container."""
        code = int(self._daemon.ask("POST", f"{self._path}/wait", patience=10)["StatusCode"])
        if code == NOT_FOUND or (code == 1 and self._daemon.podman):
            self._check_shell()
        return code, bool(self._daemon.ask("GET", f"{self._path}/json")["State"].get("OOMKilled"))

    def _check_shell(self) -> None:
        """The init inside ends so when it can't start the shell, Podman's with 1. Raises ExecutorError."""
        try:
            self._daemon.ask("HEAD", f"{self._path}/archive", params={"path": "/bin/sh"})
        except RefusedError as error:
            raise ExecutorError("The stage can't be started: its image has no /bin/sh.") from error

    def _take(self, chunk: bytes, *, last: bool = False) -> None:
        """The terminal inside has put a carriage return before every newline, so taking one away loses nothing."""
        self._spoke = self._loop.time()
        data, self._held = self._held + chunk, b""
        if data.endswith(b"\r") and not last:
            data, self._held = data[:-1], b"\r"
        if data:
            self._write(data.replace(b"\r\n", b"\n"))


def remove_container(daemon: Daemon, name: str) -> None:
    """Kill and delete it with its volumes, if it is there. What the daemon can't do now, the next sweep does."""
    with suppress(ExecutorError):
        daemon.ask("DELETE", f"/containers/{name}", params={"force": "1", "v": "1"}, patience=2 * _LATE)


def was_missing(path: Path) -> bool:
    """Whether the gate has told by this file that there is no such program; afterwards it is gone."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
