"""What a user number has left on the machine beside a workspace: processes, temporary files, System V objects."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Container, Iterable
from contextlib import suppress
from pathlib import Path

from hubwright.builder.executors.syscalls import remove_ipc
from hubwright.builder.removal import remove_tree

_PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock")  # noqa: S108  that everybody may write
_KINDS = ("shm", "sem", "msg")
_ROUNDS = 100
_PAUSE = 0.02
_GRAIN = 1_000_000_000  # ns; a place's time goes in steps of a few ms: what comes later must have another one


def users_with_processes() -> set[int]:
    """The numbers of all users that run something."""
    found: set[int] = set()
    for name in os.listdir("/proc"):  # noqa: PTH208  many entries
        if name.isdigit():
            with suppress(OSError):
                found.add(os.stat(f"/proc/{name}").st_uid)  # noqa: PTH116  the same
    return found


def kill_user(number: int) -> None:
    """Kill every process of the user, also those that fork meanwhile. Takes up to two seconds."""
    for _ in range(_ROUNDS):
        found = _processes_of(number) if runs_anything(number) else []
        for pid in found:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(_PAUSE)


class Scan:
    """Looks for what runs' users own at the top of the common places. It may be used from several threads.

    A place in which nothing was theirs, and nothing has come or gone since, is not looked through again: to ask whose
    each entry is takes longer than many a run. `numbers` are the users of runs.
    """

    def __init__(self, numbers: Container[int], places: Iterable[str] = _PLACES) -> None:
        self._numbers = numbers
        self._clean: dict[str, int | None] = dict.fromkeys(places)  # the place's own time of that look

    def remove_traces(self, number: int) -> None:
        """Delete what the user owns there, and its shared memory, semaphores and queues."""
        for place in self._clean:
            for path in self._look(place, number):
                if path.is_dir() and not path.is_symlink():
                    remove_tree(path)
                else:
                    with suppress(OSError):
                        path.unlink()
        for kind in _KINDS:
            for identity in _objects(kind, number):
                with suppress(OSError):
                    remove_ipc(kind, identity)

    def _look(self, place: str, number: int) -> list[Path]:
        """What the user owns in a place."""
        found, left = [], False
        changed = _changed_at(place)
        if changed is None or changed == self._clean[place]:
            return []
        self._clean[place] = None
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                owner = _find_owner(entry)
                if owner == number:
                    found.append(Path(entry.path))
                left = left or owner is None or owner in self._numbers
            if not found and not left and time.time_ns() - changed > _GRAIN:
                self._clean[place] = changed
        return found


def runs_anything(number: int) -> bool:
    """Whether the user has processes. To look through all of /proc would cost milliseconds on a machine with many."""
    try:
        os.getpriority(os.PRIO_USER, number)
    except ProcessLookupError:
        return False
    return True


def _processes_of(number: int) -> list[int]:
    """Running ones; zombies wait for their parents and do nothing."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208  many entries
        if not name.isdigit():
            continue
        with suppress(OSError):
            folder = f"/proc/{name}"
            if number in _owners(folder) and Path(folder, "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(int(name))
    return found


def _owners(folder: str) -> set[int]:
    """Who it runs as; the folder's owner is root's while a program is not dumpable, so then its status is read."""
    owner = os.stat(folder).st_uid  # noqa: PTH116  many of them
    if owner:
        return {owner}
    for line in Path(folder, "status").read_text().splitlines():
        if line.startswith("Uid:"):
            return {int(word) for word in line.split()[1:]}
    return set()


def _changed_at(place: str) -> int | None:
    """When something came into the place or went, in ns; only root can set that. None where there is no such place."""
    try:
        return os.stat(place).st_mtime_ns  # noqa: PTH116  each run comes by
    except OSError:
        return None


def _find_owner(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except OSError:
        return None


def _objects(kind: str, number: int) -> list[int]:
    try:
        lines = Path("/proc/sysvipc", kind).read_text().splitlines()
    except OSError:
        return []
    heads = lines[0].split() if lines else []
    rows = (dict(zip(heads, line.split(), strict=False)) for line in lines[1:])
    return [int(row[f"{kind}id" if kind != "msg" else "msqid"]) for row in rows if row.get("uid") == str(number)]
