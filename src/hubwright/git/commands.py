"""git, run so that nothing of the machine's or the repository's settings can change what it does."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from hubwright.errors import HubwrightError

_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "credential.helper": "",
    "safe.directory": "*",
    "protocol.version": "2",
    # A redirect could lead into the operator's own network; GitHub redirects to repositories that were renamed.
    "http.followRedirects": "false",
    "http.https://github.com/.followRedirects": "initial",
    "gc.auto": "0",
    "maintenance.auto": "false",
}
_PASSED_ON = ("PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSH_AUTH_SOCK")
_OUTPUT = 64 * 1024 * 1024
"""Bytes of git's answer that are read, at most."""


class GitError(HubwrightError):
    """git ended with an error; `output` is what it said."""

    def __init__(self, output: str) -> None:
        self.output = output
        super().__init__(self.reason)

    @property
    def reason(self) -> str:
        """The line that tells why, for people."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))]
        return (telling or lines or ["git said nothing"])[0][:300]


class Leash:
    """Ends the git processes that are started under it; `pull` may be called from any thread, and counts for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._pulled = False

    def pull(self) -> None:
        """Kill what runs, each with its process group, and what will be started."""
        with self._lock:
            self._pulled = True
            for process in self._processes:
                _end(process)

    @contextmanager
    def holding(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """While the process runs."""
        with self._lock:
            self._processes.add(process)
            if self._pulled:
                _end(process)
        try:
            yield
        finally:
            with self._lock:
                self._processes.discard(process)


LEASH: ContextVar[Leash | None] = ContextVar("LEASH", default=None)
"""The leash of all git processes that this context starts; `asyncio.to_thread` takes it along."""


@dataclass(frozen=True)
class Git:
    """`protocols` are those that git may use, such as `https:ssh`; `file` only where the operator allows it."""

    protocols: str = "https:ssh"
    own: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The environment of a git process; `settings` go in beside ours, never on the command line."""
        env = {name: self.own[name] for name in _PASSED_ON if name in self.own}
        env |= {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ALLOW_PROTOCOL": self.protocols,
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS": "true",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
            "LC_ALL": "C",
            "HOME": self.own.get("HOME", "/"),
        }
        together = _SETTINGS | dict(settings)
        env["GIT_CONFIG_COUNT"] = str(len(together))
        for number, (key, value) in enumerate(together.items()):
            env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return env

    def run(
        self, arguments: Sequence[str], folder: Path, settings: Mapping[str, str] | None = None, timeout: float = 300
    ) -> bytes:
        """Run git and give its answer. Raises GitError, also after `timeout` seconds.

        Its words go to files, so that no pipe can fill; its whole process group ends with it.
        """
        leash = LEASH.get()
        with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as complaint:
            process = subprocess.Popen(
                ["git", *arguments],
                cwd=folder,
                env=self.environment(settings or {}),
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=complaint,
                start_new_session=True,
            )
            try:
                with leash.holding(process) if leash is not None else nullcontext():
                    code = wait_for(process, timeout)
            except subprocess.TimeoutExpired as error:
                raise GitError(f"fatal: git {arguments[0]} took longer than {timeout:g} s") from error
            finally:
                if process.returncode is None:
                    _kill(process)
                    process.wait()
            if code:
                complaint.seek(0)
                raise GitError(complaint.read(65_536).decode("utf-8", "replace"))
            answer.seek(0)
            return answer.read(_OUTPUT)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):  # who pulls a leash may come when the thread that waits has just got its end
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(process: subprocess.Popen[bytes], timeout: float) -> int:
    """The exit code, the moment it is there. Raises subprocess.TimeoutExpired after `timeout` seconds.

    Popen's own wait with a timeout looks every so often, which makes a fetch of 17 ms take 33.
    """
    if not hasattr(os, "pidfd_open"):
        return process.wait(timeout)
    descriptor = os.pidfd_open(process.pid)
    try:
        watch = select.poll()
        watch.register(descriptor, select.POLLIN)
        if not watch.poll(timeout * 1000):
            raise subprocess.TimeoutExpired(process.args, timeout)
    finally:
        os.close(descriptor)
    return process.wait()
