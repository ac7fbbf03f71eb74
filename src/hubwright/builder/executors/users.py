"""Whom builds run as when the builder is root: each run a user number that no other run of the machine has."""

from __future__ import annotations

import fcntl
import os
import pwd
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hubwright.builder.executors.terms import OWN_NUMBERS, SAME_USER
from hubwright.builder.executors.traces import Scan, kill_user, users_with_processes
from hubwright.errors import ExecutorError

NUMBERS = range(60_706, 60_962)
"""Free on Linux systems: neither Debian nor systemd give them out, https://systemd.io/UIDS-GIDS/."""

_LOCKS = Path("/run/hubwright/users")


@dataclass(frozen=True)
class User:
    """A user and group number; `lock` is open while the number is one run's own."""

    number: int
    group: int
    lock: int | None = field(default=None, compare=False)


class Users:
    """Gives each run a user. Numbers are locked by files, so builders that know nothing of each other never share."""

    def __init__(self, name: str) -> None:
        """`name` is a user of the system, or `auto`: numbers of their own. Raises ExecutorError."""
        self._named = None if name == OWN_NUMBERS else _find_user(name)
        self._scan = Scan(NUMBERS)

    def take(self) -> User:
        """A user for one run; what its last owner left, if that died, is ended first. Raises ExecutorError."""
        if self._named is not None:
            return self._named
        for number in NUMBERS:
            if (lock := _lock(number)) is not None:
                kill_user(number)
                return User(number, number, lock)
        raise ExecutorError(f"all of the {len(NUMBERS)} user numbers for builds are taken.")

    def give_back(self, user: User) -> None:
        """The run is over: kill what is left of a user of its own, and delete what it left outside its workspace."""
        if user.lock is None:
            return
        kill_user(user.number)
        self._scan.remove_traces(user.number)
        os.close(user.lock)

    def sweep(self) -> None:
        """End processes of runs whose builder is dead."""
        if self._named is None:
            for number in users_with_processes() & set(NUMBERS):
                if (lock := _lock(number)) is not None:
                    self.give_back(User(number, number, lock))


def choose_users(name: str) -> Users | None:
    """The users of this builder's runs; None when it is not root, or was told to stay root. Raises ExecutorError."""
    return None if os.geteuid() != 0 or name == SAME_USER else Users(name)


def _find_user(name: str) -> User:
    try:
        found = pwd.getpwnam(name)
    except KeyError as error:
        raise ExecutorError(f"there is no user '{name}' to run builds as.") from error
    if found.pw_uid == 0:
        raise ExecutorError(f"the user '{name}' is root.")
    return User(found.pw_uid, found.pw_gid)


def _lock(number: int) -> int | None:
    """A descriptor that holds the number until it is closed; None when another has it. Raises ExecutorError."""
    try:
        _LOCKS.mkdir(parents=True, exist_ok=True)
        lock = os.open(_LOCKS / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ExecutorError(f"{_LOCKS} can't be written: {error.strerror}.") from error
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock
    os.close(lock)
    return None
