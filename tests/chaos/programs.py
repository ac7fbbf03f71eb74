"""The parts of an installation that can be killed, frozen and started again: servers and programs of Hubwright."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Protocol, Self

import psutil

from hub_process import Program
from server_programs import Processes, free_port, start_valkey

CLOCKS = Path(__file__).parent / "clock"


class Part(Protocol):
    """Something that runs, as processes of this machine."""

    def start(self) -> None:
        """Run, on what its last life has left."""
        ...

    def kill(self) -> None:
        """Die, without a word."""
        ...

    def pids(self) -> list[int]:
        """Its processes."""
        ...


def freeze(part: Part) -> None:
    """All its processes stand still; what is sent to them waits in the kernel."""
    _send(part, signal.SIGSTOP)


def thaw(part: Part) -> None:
    """They go on as if nothing had been."""
    _send(part, signal.SIGCONT)


def _send(part: Part, number: int) -> None:
    for pid in part.pids():
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def family(pid: int) -> list[int]:
    """The process and all below it."""
    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [pid, *(one.pid for one in below)]


class Server:
    """A server on data and a port of its own. `start` is told where."""

    def __init__(self, folder: Path, start: Callable[[Processes], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._processes = Processes(folder)
        self._start = start

    def start(self) -> None:
        self._start(self._processes)

    def kill(self) -> None:
        self._processes.end()

    def pids(self) -> list[int]:
        return [pid for leader in self._processes.pids() for pid in family(leader)]


def make_valkey(folder: Path) -> tuple[Server, str]:
    """Valkey, which forgets everything when it dies; its address."""
    port = free_port()
    return Server(folder, lambda processes: start_valkey(processes, port)), f"redis://127.0.0.1:{port}/0"


class Own:
    """A program of Hubwright, with a clock that may jump; one that ends unasked is begun again, as systemd does it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.endings: list[str] = []
        """The last words of lives that nobody ended."""
        self._wanted = False
        self._turn = Lock()
        self._clock = program.folder / f"{program.name}.clock"
        self._clock.write_bytes(struct.pack("d", 0.0))
        program.environment |= {"CHAOS_CLOCK": str(self._clock), "PYTHONPATH": str(CLOCKS)}
        program.cold = True  # a warm one would not read its clock

    def start(self) -> None:
        with self._turn:
            self._wanted = True
            self.program.begin()

    def kill(self) -> None:
        with self._turn:
            self._wanted = False
            self.program.kill()

    def stop(self) -> None:
        """As an operator stops it."""
        with self._turn:
            self._wanted = False
            self.program.stop(60)

    def keep(self) -> None:
        """Begin it again if it has ended unasked."""
        with self._turn:
            if self._wanted and not self.program.is_running():
                last = self.program.said.rstrip().rpartition("\n")[2]
                self.endings.append(f"{self.program.name}: {last}")
                self.program.begin()

    def pids(self) -> list[int]:
        """Its own one: the processes of builds are not meant."""
        process = self.program.process
        return [process.pid] if process is not None and process.poll() is None else []

    def jump(self, seconds: float) -> None:
        """Its wall clock is off by so much from now on."""
        with self._clock.open("r+b") as file:
            file.write(struct.pack("d", seconds))


class Supervisor:
    """Looks after programs as long as the block lasts."""

    def __init__(self, programs: Sequence[Own]) -> None:
        self._programs = programs
        self._ended = Event()
        self._thread = Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            for program in self._programs:
                program.keep()
