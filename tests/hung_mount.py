"""A folder that hangs as one of a file server that is away: who looks into it waits until it is released.

It is a FUSE file system that nobody answers for, mounted over the folder, in a mount namespace of the command's own;
as root or not. https://www.kernel.org/doc/html/latest/filesystems/fuse.html

    program.prefix = hanging(folder, sign)     # before its start
    sign.touch(); …; sign.unlink()             # it hangs while there is a `sign`
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

_DETACH = 2  # MNT_DETACH of umount2(2)


def hanging(folder: Path, sign: Path) -> tuple[str, ...]:
    """What starts a command so that `folder` hangs while there is a `sign`."""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    return ("unshare", *user, "--mount", sys.executable, __file__, str(folder), str(sign))


def _hang(folder: str) -> int:
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    _call("mount", b"hung", os.fsencode(folder), b"fuse", 0, options.encode())
    return device


def _release(folder: str, device: int) -> None:
    _call("umount2", os.fsencode(folder), _DETACH)
    os.close(device)  # who waits gets an error


def _call(name: str, *arguments: bytes | int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)


def _watch(folder: str, sign: Path, owner: int) -> None:
    device = None
    while os.getppid() == owner:
        if sign.exists() and device is None:
            device = _hang(folder)
        elif not sign.exists() and device is not None:
            _release(folder, device)
            device = None
        time.sleep(0.01)


if __name__ == "__main__":
    owner = os.getpid()
    if os.fork():
        os.execvp(sys.argv[3], sys.argv[3:])
    _watch(sys.argv[1], Path(sys.argv[2]), owner)
