"""The parts of a Linux machine that every build may read, and nothing else."""

from __future__ import annotations

import stat
import sys
from functools import cache
from pathlib import Path

WHOLE = ("/usr", "/opt", "/nix")
"""Programs and libraries."""

LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Links into `/usr` on most machines, folders on some."""

ETC = (
    "passwd", "group", "hosts", "host.conf", "hostname", "resolv.conf", "nsswitch.conf", "services", "protocols",
    "localtime", "timezone", "locale.conf", "ssl", "pki", "ca-certificates", "crypto-policies", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "alternatives", "profile", "bash.bashrc", "mime.types", "os-release",
    "debian_version", "gitconfig", "python3", "java", "java-17-openjdk", "java-21-openjdk", "fonts", "terminfo",
    "inputrc",
)  # fmt: skip
"""What builds may read of `/etc`; most machines have only some of it."""


_CLOSED = {"hubwright", "shadow", "shadow-", "gshadow", "gshadow-", "sudoers", "sudoers.d"}


def open_etc(owner: tuple[int, int] | None = None) -> list[Path]:
    """All of `/etc` but for settings of hubs and the lists of passwords; as a whole where these are closed to `owner`.

    Where a file is there and can't be opened, programs give up that go on where there is none.
    """
    etc = Path("/etc")
    if owner is not None and all(_is_closed(etc / name, *owner) for name in _CLOSED):
        return [etc]
    return [path for path in etc.iterdir() if path.name not in _CLOSED]


def _is_closed(path: Path, uid: int, gid: int) -> bool:
    """Whether a user without other groups can do nothing with it."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return not found.st_mode & stat.S_IRWXO and found.st_uid != uid and found.st_gid != gid


@cache
def own_python() -> tuple[Path, ...]:
    """Where the Python is that the builder runs on: recipes may use it too, wherever it was installed."""
    return tuple(sorted({Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}))
