"""System calls of Linux that the standard library has no function for."""

from __future__ import annotations

import ctypes
import os
import platform
from contextlib import suppress

_LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
"""https://man7.org/linux/man-pages/man2/prctl.2.html"""

_KEYCTL = {"x86_64": 250, "aarch64": 219}
_BECOME = {"x86_64": (116, 119, 117), "aarch64": (159, 149, 147)}  # setgroups, setresgid, setresuid
_JOIN_SESSION_KEYRING = 1
_MNT_DETACH = 2
_IPC_RMID = 0


def call(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """The system call's value; numbers are the same on all processors from 424 on. Raises OSError."""
    return _checked(_LIBC.syscall(ctypes.c_long(number), *map(_wide, arguments)))


def prctl(option: int, value: int = 0, other: int | ctypes.Array[ctypes.c_char] = 0) -> int:
    """https://man7.org/linux/man-pages/man2/prctl.2.html. Of this thread only, if the option is. Raises OSError."""
    return _checked(_LIBC.prctl(option, *map(_wide, (value, other, 0, 0))))


def new_keyring() -> None:
    """Give this thread, and what it starts, an empty session keyring; no error where there are no keyrings."""
    number = _KEYCTL.get(platform.machine())
    if number is not None:
        with suppress(OSError):
            call(number, _JOIN_SESSION_KEYRING, None)


def can_become() -> bool:
    """Whether `become` can be called on this machine."""
    return platform.machine() in _BECOME


def become(uid: int, gid: int) -> None:
    """Make this thread, and no other, the user's for good, with no other groups than this one. Raises OSError."""
    groups, group, user = _BECOME[platform.machine()]
    call(groups, 0, None)
    call(group, gid, gid, gid)
    call(user, uid, uid, uid)


def unmount(path: str) -> None:
    """Take away what is mounted there, also while it is in use. Raises OSError."""
    _checked(_LIBC.umount2(os.fsencode(path), _MNT_DETACH))


def remove_ipc(kind: str, number: int) -> None:
    """Delete a System V `shm`, `sem` or `msg` object. Raises OSError."""
    match kind:
        case "shm":
            _checked(_LIBC.shmctl(number, _IPC_RMID, None))
        case "sem":
            _checked(_LIBC.semctl(number, 0, _IPC_RMID))
        case "msg":
            _checked(_LIBC.msgctl(number, _IPC_RMID, None))


def _wide(value: int | ctypes.Array[ctypes.c_char] | None) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else value


def _checked(value: int) -> int:
    if value < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return value
