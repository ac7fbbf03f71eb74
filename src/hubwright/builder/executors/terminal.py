"""A process on a terminal of its own: started without a fork of the builder, read without threads, killed whole."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Callable

from hubwright.builder.executors.spawn import Start, spawn
from hubwright.errors import ExecutorError

_ROWS, _COLUMNS = 40, 120
_READ = 65_536
_READS = 64  # a terminal gives at most 4 KiB at a time; so many are taken before other work gets its turn
_FULL = 4000  # bytes below which there is hardly more: the event loop calls again if there is
_UNKNOWN = -1
_LATE = 0.3  # seconds that output may come after the end, while a background process holds the terminal open


class OnTerminal:
    """A started command, see `Running`."""

    def __init__(self, start: Start, write: Callable[[bytes], None], judge: Callable[[int], int] = int) -> None:
        """Start it. Raises ExecutorError, DiskFullError.

        `judge` is given the exit code; it returns the one to tell, or raises ExecutorError (then `finished` does).
        """
        self._loop = asyncio.get_running_loop()
        self._write = write
        self._judge = judge
        self._terminal, slave = _open_terminal(start.owner)
        try:
            self._process = spawn(start, slave)
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
        if self.finished.done():
            return
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
        code = self._take_code()
        await asyncio.wait([self._silent], timeout=_LATE)
        while not self._silent.done() and self._read():
            pass
        self._stop_reading()
        os.close(self._terminal)
        if code is None:
            raise ExecutorError("nobody knows how the command ended: its exit code was lost.")
        return self._judge(code if code >= 0 else 128 - code)

    def _take_code(self) -> int | None:
        """The exit code; None when somebody else has taken it, which `Popen.wait` would tell as 0, a success."""
        try:
            _, status = os.waitpid(self._process.pid, 0)
        except ChildProcessError:
            self._process.returncode = _UNKNOWN
            return None
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode

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
            if len(chunk) < _FULL:
                break
        if chunks:
            self.idle_since = self._loop.time()
            self._write(b"".join(chunks))
        return bool(chunks)

    def _stop_reading(self) -> None:
        if not self._silent.done():
            self._loop.remove_reader(self._terminal)
            self._silent.set_result(None)


def _open_terminal(owner: tuple[int, int] | None) -> tuple[int, int]:
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
    if owner is not None:  # programs open /dev/stdout, which leads here
        os.fchown(slave, *owner)
    os.set_blocking(master, False)
    return master, slave
