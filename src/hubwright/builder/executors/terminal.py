"""A process on a terminal of its own: started without a fork of the builder, read without threads, killed whole."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hubwright.errors import DiskFullError, ExecutorError

_ROWS, _COLUMNS = 40, 120
_READ = 65_536
_READS = 64  # a terminal gives at most 4 KiB at a time; so many are taken before other work gets its turn
_LATE = 0.3  # seconds that output may come after the end, while a background process holds the terminal open


class Running:
    """A started command. `finished` gives its exit code; `idle_since` is the loop's time of its last output.

    When `finished` is done, all output has been written and its process group is dead. 128 + N: signal N ended it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        directory: Path,
        write: Callable[[bytes], None],
        pass_fds: Sequence[int] = (),
        judge: Callable[[int], int] = int,
    ) -> None:
        """Start `argv`, with the files `pass_fds` open in it. Raises ExecutorError, DiskFullError.

        `judge` is given the exit code; it returns the one to tell, or raises ExecutorError (then `finished` does).
        """
        self._loop = asyncio.get_running_loop()
        self._write = write
        self._judge = judge
        self._terminal, slave = _open_terminal()
        try:
            self._process = _spawn(argv, env, directory, slave, pass_fds)
        except BaseException:
            os.close(self._terminal)
            raise
        finally:
            os.close(slave)
        self.idle_since = self._loop.time()
        self._silent = self._loop.create_future()
        self._exited = self._loop.create_future()
        self._loop.add_reader(self._terminal, self._read)
        self._watch_exit()
        self.finished = self._loop.create_task(self._finish())

    @property
    def pid(self) -> int:
        """The process's number, and that of its group and session."""
        return self._process.pid

    async def kill(self, grace: float) -> None:
        """Ask the group to end, and force it after `grace` seconds. Returns when it is gone."""
        self._signal(signal.SIGTERM)
        done, _ = await asyncio.wait([self.finished], timeout=grace)
        if not done:
            self._signal(signal.SIGKILL)
            await asyncio.wait([self.finished])

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:  # not reaped, so the group's number is still ours
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                return

    def _watch_exit(self) -> None:
        if hasattr(os, "pidfd_open"):
            descriptor = os.pidfd_open(self._process.pid)
            self._loop.add_reader(descriptor, self._note_exit, descriptor)
        else:
            self._loop.run_in_executor(None, self._wait_blocking)

    def _note_exit(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        self._exited.set_result(None)

    def _wait_blocking(self) -> None:
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        self._loop.call_soon_threadsafe(self._exited.set_result, None)

    async def _finish(self) -> int:
        await self._exited
        self._signal(signal.SIGKILL)  # background processes of the group end with their leader
        code = self._process.wait()
        await asyncio.wait([self._silent], timeout=_LATE)
        while not self._silent.done() and self._read():
            pass
        self._stop_reading()
        os.close(self._terminal)
        return self._judge(code if code >= 0 else 128 - code)

    def _read(self) -> bool:
        """Take what there is, up to a bound; whether anything was there."""
        chunks = []
        for _ in range(_READS):
            try:
                chunk = os.read(self._terminal, _READ)
            except BlockingIOError:
                break
            except OSError:  # EIO: nobody has the other side open any more
                chunk = b""
            if not chunk:
                self._stop_reading()
                break
            chunks.append(chunk)
        if chunks:
            self.idle_since = self._loop.time()
            self._write(b"".join(chunks))
        return bool(chunks)

    def _stop_reading(self) -> None:
        if not self._silent.done():
            self._loop.remove_reader(self._terminal)
            self._silent.set_result(None)


def _open_terminal() -> tuple[int, int]:
    """A terminal pair whose output arrives as written (no `\\n` to `\\r\\n`) and whose reading end never blocks."""
    try:
        master, slave = os.openpty()
    except OSError as error:
        raise ExecutorError(f"no terminal for the stage: {error.strerror}") from error
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    os.set_blocking(master, False)
    return master, slave


def _spawn(
    argv: Sequence[str], env: Mapping[str, str], directory: Path, slave: int, pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            env=env,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError("the builder's disk is full") from error
        missing = error.filename if isinstance(error.filename, str | bytes | os.PathLike) else argv[0]
        raise ExecutorError(f"{os.fsdecode(missing)} can't be started: {error.strerror}") from error
    except ValueError as error:  # a NUL in an argument or a variable
        raise ExecutorError(f"the command can't be started: {error}") from error
