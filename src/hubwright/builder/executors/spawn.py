"""A process started behind a gate: it runs its program only when it is in its group and within its limits.

A shell of fixed text waits for a line on its stdin, and becomes the program. So nothing of the program happens outside
the group, and the builder is never forked by Python code.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hubwright.errors import DiskFullError, ExecutorError

_GATE = 'read -r _ && exec "$@" </dev/null'
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, kw_only=True)
class Start:
    """What to start. `files` are open in it; `owner` is the user and group it becomes.

    `ulimits` is shell text of ours before the gate. `admit` is given the process's number while it waits. `confine`
    makes walls around the thread that starts it, which it inherits.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    directory: Path
    files: Sequence[int] = ()
    owner: tuple[int, int] | None = None
    ulimits: str = ""
    admit: Callable[[int], None] | None = None
    confine: Callable[[], None] | None = None


def spawn(start: Start, terminal: int) -> subprocess.Popen[bytes]:
    """Start it with its output on the terminal. Raises ExecutorError, DiskFullError."""
    path = start.env.get("PATH", os.defpath)
    if shutil.which(start.argv[0], path=path) is None:
        raise ExecutorError(f"{start.argv[0]} can't be started: there is no such program.")
    inner, outer = os.pipe()
    try:
        process = _walled(start, lambda: _popen(start, terminal, inner))
    except BaseException:
        os.close(outer)
        raise
    finally:
        os.close(inner)
    try:
        if start.admit is not None:
            start.admit(process.pid)
        os.write(outer, b"\n")
    except OSError as error:
        process.kill()
        process.wait()
        raise ExecutorError(f"the command can't be put into its group: {error.strerror}") from error
    finally:
        os.close(outer)
    return process


def _walled(start: Start, popen: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Call it in a thread with walls of its own; walls are a thread's, and so only that thread is behind them."""
    if start.confine is None:
        return popen()
    confine = start.confine
    outcome: list[subprocess.Popen[bytes]] = []
    errors: list[BaseException] = []

    def go() -> None:
        try:
            confine()
            outcome.append(popen())
        except (OSError, ExecutorError, DiskFullError) as error:
            errors.append(error)

    thread = threading.Thread(target=go, name="spawn")
    thread.start()
    thread.join()
    if not outcome:
        problem = errors[0] if errors else ExecutorError("the command can't be started: see the builder's log.")
        if isinstance(problem, OSError):
            raise ExecutorError(f"the walls around the command can't be built: {problem.strerror}") from problem
        raise problem
    return outcome[0]


def _popen(start: Start, terminal: int, gate: int) -> subprocess.Popen[bytes]:
    uid, gid = start.owner if start.owner is not None else (None, None)
    argv = ["/bin/sh", "-c", start.ulimits + _GATE, "hubwright", *start.argv]
    try:
        return subprocess.Popen(
            argv,
            env=start.env,
            cwd=start.directory,
            stdin=gate,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            pass_fds=start.files,
            user=uid,
            group=gid,
            extra_groups=None if start.owner is None else [],
        )
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError("the builder's disk is full") from error
        missing = error.filename if isinstance(error.filename, str | bytes | os.PathLike) else argv[0]
        raise ExecutorError(f"{os.fsdecode(missing)} can't be started: {error.strerror}") from error
    except ValueError as error:  # a NUL in an argument or a variable
        raise ExecutorError(f"the command can't be started: {error}") from error
