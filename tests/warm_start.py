"""Processes of `hubwright` that begin where its modules are loaded already.

To load them takes a second of a processor, which the hundreds of hubs of a run would spend anew each. A *nursery* loads
them once for a test process and forks for each program; what is forked is a process of its own with its own folder,
environment and words, and ends, is killed and reaped as any other. Only `/proc/PID/cmdline` and `environ` are the
nursery's. Who needs these starts Python anew (`subprocess.Popen`), as the tests of the first start do.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import IO

import httpx2
import uvicorn

from hubwright.__main__ import main
from hubwright.cli import COMMANDS, load_command
from hubwright.web.gate import Gate
from known_routes import share_analyses
from served import make_app, make_site, make_wishes

_HEAD = 8
"""Bytes of a question's length."""


class ForkedProgram:
    """What the tests use of `subprocess.Popen`. `ended` is the pipe through which the nursery tells the exit status."""

    def __init__(self, pid: int, ended: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended

    def poll(self) -> int | None:
        """The exit code, None while it runs; of a signal the negative number."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code when it has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._look(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def _look(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._ended], [], [], seconds)[0]:
            told = os.read(self._ended, 32)
            os.close(self._ended)
            self.returncode = (
                int(told) if told else -signal.SIGKILL
            )  # nothing is told when the nursery itself was killed
        return self.returncode


class Nursery:
    """The process that forks. One for each test process, which it ends with."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._line, self._turn = ours, Lock()
        self.environment = dict(os.environ)
        with theirs:
            # by the last word hubs know that a process of this number may be one of theirs (`owners`)
            command = [sys.executable, str(Path(__file__)), str(theirs.fileno()), "hubwright"]
            self._process = subprocess.Popen(command, env=self.environment, pass_fds=[theirs.fileno()])

    def close(self) -> None:
        """It ends when nobody asks any more; what it has forked goes on."""
        self._line.close()
        self._process.wait(10)

    def is_alike(self, environment: Mapping[str, str]) -> bool:
        """Whether a program with this environment may be forked: what Python read at its start is the same."""
        return _others(environment) == _others(self.environment)

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, said: IO[bytes]
    ) -> ForkedProgram:
        """`hubwright` with `arguments`; stdout and stderr go to `said`, stdin is empty."""
        reading, writing = os.pipe()
        question = json.dumps([list(arguments), dict(environment), str(folder)]).encode()
        with self._turn:
            self._line.sendall(len(question).to_bytes(_HEAD, "big"))
            socket.send_fds(self._line, [question[:1]], [said.fileno(), writing])
            self._line.sendall(question[1:])
            os.close(writing)
            pid = self._line.recv(_HEAD, socket.MSG_WAITALL)
        assert len(pid) == _HEAD, "The nursery is gone."
        return ForkedProgram(int.from_bytes(pid, "big"), reading)


def _others(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(("HUBWRIGHT_", "PYTEST_"))}


def _serve(line: socket.socket) -> list[str] | None:
    """Fork for each question, tell the exit status of what has ended; until the test process is gone.

    In a process that was forked: the arguments of the program that it is to be.
    """
    poller, living = select.poll(), dict[int, tuple[int, int]]()
    poller.register(line.fileno(), select.POLLIN)
    while True:
        for number, _ in poller.poll():
            if number in living:
                poller.unregister(number)
                _tell_end(number, *living.pop(number))
                continue
            head = line.recv(_HEAD, socket.MSG_WAITALL)
            if len(head) < _HEAD:
                return None
            (said, ended), question = _read_question(line, int.from_bytes(head, "big"))
            pid = os.fork()
            if pid == 0:
                line.detach()
                return _become(said, *json.loads(question))
            os.close(said)
            pidfd = os.pidfd_open(pid)
            living[pidfd] = (pid, ended)
            poller.register(pidfd, select.POLLIN)
            line.sendall(pid.to_bytes(_HEAD, "big"))


def _read_question(line: socket.socket, size: int) -> tuple[list[int], bytes]:
    first, given, _, _ = socket.recv_fds(line, 1, 2)
    return given, first + line.recv(size - 1, socket.MSG_WAITALL)


def _tell_end(pidfd: int, pid: int, ended: int) -> None:
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):  # nobody waits for that one
        os.write(ended, str(os.waitstatus_to_exitcode(status)).encode())
    os.close(ended)
    os.close(pidfd)


def _become(said: int, arguments: list[str], environment: dict[str, str], folder: str) -> list[str]:
    """Nothing of the nursery is left but its modules."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for wanted, number in enumerate((nothing, said, said)):
        os.dup2(number, wanted)
    os.closerange(3, 4096)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    return arguments


def _begin() -> None:
    """As a hub would, with an application that is thrown away: what FastAPI found out stays.

    So do the modules that only who serves loads, or who asks a first question.
    """
    share_analyses()
    with (
        TemporaryDirectory() as folder,
        make_site(Path(folder)) as site,
        make_wishes(site, Path(folder)) as wishes,
    ):
        served = uvicorn.Config(make_app(site, Gate(site), wishes), log_config=None)
        served.load()
        served.get_loop_factory()
    httpx2.Client().close()


if __name__ == "__main__":
    load_command("hub", COMMANDS["hub"])
    _begin()
    wanted = _serve(socket.socket(fileno=int(sys.argv[1])))
    if wanted is not None:
        sys.argv = ["hubwright", *wanted]
        main()
