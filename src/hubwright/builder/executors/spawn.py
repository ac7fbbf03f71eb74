"""A process started behind a gate: it runs its program only when it is in its group and within its limits.

A shell of fixed text waits for a line on its stdin, and becomes the program. So nothing of the program happens outside
the group, and the builder is never forked by Python code.

A process that another one puts into a group of version 1 waits for all processors of the machine, some 10 ms; one that
goes in by itself waits for nothing (cgroup_procs_write_start in the kernel). So the shell is given the groups' files.

To start a process as another user, Python copies the whole of this one first, which takes milliseconds. So the thread
that starts it becomes that user instead, as long as the user runs nothing that could lay hands on the thread.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hubwright.builder.executors.syscalls import become, can_become
from hubwright.builder.executors.traces import runs_anything
from hubwright.errors import DiskFullError, ExecutorError

_GATE = 'read -r _ && exec "$@" </dev/null'
_REFUSED = "{ echo The command was not let into its control group.; exit 126; }"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ENDING = 0.0002  # seconds between two looks; no call waits for a thread's end in the kernel


@dataclass(frozen=True, kw_only=True)
class Start:
    """What to start. `files` are open in it; `owner` is the user and group it becomes.

    `doors` are files with numbers below ten that take in who writes "0" into them: that is the first it does, and it
    closes them. `ulimits` is shell text of ours before the gate. `admit` is given the process's number while it waits.
    `confine` makes walls around the thread that starts it, which it inherits.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    directory: Path
    files: Sequence[int] = ()
    owner: tuple[int, int] | None = None
    doors: Sequence[int] = ()
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
        process = _start_apart(start, terminal, inner)
    except BaseException:
        os.close(outer)
        raise
    finally:
        os.close(inner)
    try:
        if start.admit is not None:
            _admit(start.admit, process.pid)
        with suppress(BrokenPipeError):  # it was refused at a door and has ended, which its exit code tells
            os.write(outer, b"\n")
    except OSError as error:
        process.kill()
        process.wait()
        raise ExecutorError(f"the command can't be put into its group: {error.strerror}") from error
    finally:
        os.close(outer)
    return process


def _admit(admit: Callable[[int], None], pid: int) -> None:
    """Take it in. Raises OSError; not when it has ended meanwhile, killed or refused at a door: its exit code tells."""
    try:
        admit(pid)
    except ProcessLookupError:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            raise


def _start_apart(start: Start, terminal: int, gate: int, *, may_become: bool = True) -> subprocess.Popen[bytes]:
    """Start it in a thread with walls and a user of its own; both are a thread's, and so only that thread has them."""
    owner = start.owner
    becomes = may_become and owner is not None and can_become() and not runs_anything(owner[0])
    if start.confine is None and not becomes:
        return _popen(start, terminal, gate, owner)
    outcome: list[subprocess.Popen[bytes]] = []
    errors: list[BaseException] = []

    def go() -> None:
        try:
            if start.confine is not None:
                start.confine()
            if owner is not None and becomes:
                become(*owner)
            outcome.append(_popen(start, terminal, gate, None if becomes else owner))
        except (OSError, ExecutorError, DiskFullError) as error:
            errors.append(error)

    thread = threading.Thread(target=go, name="spawn")
    thread.start()
    wait_for_end(thread)
    if outcome:
        return outcome[0]
    problem = errors[0] if errors else ExecutorError("the command can't be started: see the builder's log.")
    if becomes and isinstance(problem, PermissionError):  # the way to its folder is closed to it, or it may not become
        return _start_apart(start, terminal, gate, may_become=False)
    if isinstance(problem, OSError):
        raise ExecutorError(f"the walls around the command can't be built: {problem.strerror}") from problem
    raise problem


def wait_for_end(thread: threading.Thread) -> None:
    """Until the kernel has no such thread any more; `join` returns while it is still ending.

    A program that wants to die with its parent (`bwrap --die-with-parent`) dies with the thread that has started it:
    it would be killed in its first moment.
    """
    thread.join()
    while os.path.exists(f"/proc/self/task/{thread.native_id}"):  # noqa: PTH110  mostly false at once
        time.sleep(_ENDING)


def _popen(start: Start, terminal: int, gate: int, owner: tuple[int, int] | None) -> subprocess.Popen[bytes]:
    uid, gid = owner if owner is not None else (None, None)
    argv = ["/bin/sh", "-c", _write_entry(start.doors) + start.ulimits + _GATE, "hubwright", *start.argv]
    try:
        return subprocess.Popen(
            argv,
            env=start.env,
            cwd=start.directory,
            stdin=gate,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            pass_fds=(*start.files, *start.doors),
            user=uid,
            group=gid,
            extra_groups=None if owner is None else [],
        )
    except OSError as error:
        if isinstance(error, PermissionError) and owner != start.owner:
            raise
        if error.errno in _FULL:
            raise DiskFullError("the builder's disk is full") from error
        missing = error.filename if isinstance(error.filename, str | bytes | os.PathLike) else argv[0]
        raise ExecutorError(f"{os.fsdecode(missing)} can't be started: {error.strerror}") from error
    except ValueError as error:  # a NUL in an argument or a variable
        raise ExecutorError(f"the command can't be started: {error}") from error


def _write_entry(doors: Sequence[int]) -> str:
    """Shell text: go through the doors, and close them."""
    if not doors:
        return ""
    entries = " && ".join(f"echo 0 >&{door}" for door in doors)
    closing = " ".join(f"{door}>&-" for door in doors)
    return f"{{ {entries}; }} || {_REFUSED}; exec {closing}; "
