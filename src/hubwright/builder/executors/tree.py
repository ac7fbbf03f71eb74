"""All processes of a run, wherever they have gone: found by the marker in their environment, or as orphans of ours."""

from __future__ import annotations

import math
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hubwright.builder.executors import MARKER
from hubwright.builder.executors.leaders import Leaders

_PROC = Path("/proc")
_ROUNDS = 50
_PAUSE = 0.02
_READ = 16_384
_LOOKS = 20


def find_marked(marker: str, *, prefix: bool = False) -> list[int]:
    """Processes of this machine whose environment at their start had the marker, or one that begins so.

    None where there is no /proc.
    """
    wanted = f"{MARKER}={marker}{'' if prefix else chr(0)}".encode()
    return [pid for pid in _pids() if wanted in _read_environment(pid)]


def kill_marked(marker: str, *, prefix: bool = False) -> int:
    """Kill them all, also those that fork meanwhile; gives how many there were. Takes up to a second."""
    return _kill_all(lambda: find_marked(marker, prefix=prefix))


def find_orphans(since: float, until: float, leaders: Leaders) -> list[int]:
    """Processes that have become ours because their parents ended, and all below them, started in that time.

    This needs a builder that is a subreaper (PR_SET_CHILD_SUBREAPER). Times are in clock ticks after boot. Our
    other children are told apart by what a process can't get rid of:
    only those of builds have no-new-privileges.
    """
    parents, starts = _look_at_all()
    ours = [pid for pid in parents.get(os.getpid(), ()) if _has_no_new_privileges(pid)]
    adopted = leaders.exclude(ours)  # asked after the look: whatever was seen then is counted by now
    for pid in adopted:
        adopted += parents.get(pid, ())
    return [pid for pid in adopted if since <= starts[pid] < until]


def kill_orphans(since: float, until: float, leaders: Leaders) -> None:
    """Kill them, and take the exit codes of those that are children of ours. Takes up to a second."""
    if _has_no_new_privileges(os.getpid()):
        return  # then all our children have it, also those that are not of builds
    _kill_all(lambda: [pid for pid in find_orphans(since, until, leaders) if not _reap(pid)])


def reap_orphans(leaders: Leaders) -> None:
    """Take the exit codes of orphans that have ended; they would stay in the process table for ever.

    When a stage has just ended too, the kernel may tell of its leader alone: then the end of its run takes them.
    """
    ended = _find_ended_child()
    if ended and leaders.exclude([ended]) and not _has_no_new_privileges(os.getpid()):
        for pid in find_orphans(0, math.inf, leaders):
            _reap(pid)


def reap_child(pid: int, patience: float = 0.0) -> bool:
    """Take the exit code of a process when it ends within so many seconds; whether it is no child of ours any more."""
    with suppress(OSError):
        descriptor = os.pidfd_open(pid)
        try:
            ending = select.poll()
            ending.register(descriptor, select.POLLIN)
            ending.poll(patience * 1000)
        finally:
            os.close(descriptor)
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _find_ended_child() -> int:
    """A child of ours that waits for its exit code to be taken, 0 without one; takes none. Where one can't ask: -1."""
    if not hasattr(os, "waitid"):
        return -1
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return 0 if found is None else found.si_pid


def ticks_now() -> int:
    """The time since boot, as the kernel counts the start of processes: in whole ticks, cut off."""
    return math.floor(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def _kill_all(find: Callable[[], list[int]]) -> int:
    killed: set[int] = set()
    for _ in range(_ROUNDS):
        found = find()
        if not found:
            break
        for pid in found:
            killed.add(pid)
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)
    return len(killed)


def _look_at_all() -> tuple[dict[int, list[int]], dict[int, float]]:
    """Children by parent, and when each began; looked at again when one ended meanwhile.

    For its children were seen below a parent that was not.
    """
    for _ in range(_LOOKS):
        parents: dict[int, list[int]] = {}
        starts: dict[int, float] = {}
        pids = _pids()
        for pid in pids:
            with suppress(OSError, IndexError, ValueError):
                words = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(words[1]), []).append(pid)
                starts[pid] = float(words[19])
        if len(starts) == len(pids):
            break
    return parents, starts


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208  1 ms less than iterdir
    except OSError:
        return []


def _reap(pid: int) -> bool:
    """Whether it had ended; a child of somebody else can't be waited for, and runs on."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False


def _has_no_new_privileges(pid: int) -> bool:
    try:
        return "\nNoNewPrivs:\t1" in (_PROC / str(pid) / "status").read_text()
    except OSError:
        return False


def _read_environment(pid: int) -> bytes:
    """What the process was started with; nothing when it has ended or is another user's."""
    content = b""
    try:
        descriptor = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return content
    try:
        while chunk := os.read(descriptor, _READ):
            content += chunk
            if len(chunk) < _READ:
                break
    except OSError:
        return content
    finally:
        os.close(descriptor)
    return content
