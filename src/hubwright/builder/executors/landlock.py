"""Walls that a process puts around itself: which files it may use, and no signals or sockets to the outside.

https://docs.kernel.org/userspace-api/landlock.html; the numbers are those of linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from hubwright.builder.executors.syscalls import call

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE, _READ, _LIST = 1, 2, 4, 8
_OLDEST = 2
"""The first version with renames between folders."""

_FILE_SYSTEM = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # by version
_ON_FILES = _EXECUTE | _WRITE | _READ | 1 << 14 | 1 << 15  # and truncate, ioctl on devices
_SCOPED = 6
"""The first version that holds abstract sockets and signals."""

_SCOPES = 3


def find_version() -> int:
    """Which Landlock the kernel has; 0 when none that can be used."""
    try:
        version = call(_CREATE, None, 0, _VERSION)
    except OSError:
        return 0
    return version if version >= _OLDEST else 0


def make_rules(version: int, readable: Iterable[Path], writable: Iterable[Path]) -> int:
    """A descriptor of rules: read and execute below `readable`, all below `writable`, nothing else.

    Paths that are not there are left out. From version 6 on, signals and abstract sockets end at the wall too, and
    other processes can't be traced in any. Raises OSError.
    """
    every = max(bits for since, bits in _FILE_SYSTEM.items() if since <= version)
    given = struct.pack("=QQQ", every, 0, _SCOPES) if version >= _SCOPED else struct.pack("=Q", every)
    rules = call(_CREATE, ctypes.create_string_buffer(given, len(given)), len(given), 0)
    try:
        for path in readable:
            _allow(rules, path, _EXECUTE | _READ | _LIST)
        for path in writable:
            _allow(rules, path, every)
    except BaseException:
        os.close(rules)
        raise
    return rules


def make_scope() -> int | None:
    """A descriptor of rules about nothing but abstract sockets and signals, from version 6 on; None before it.

    A process behind them may still mount, as a sandbox must.
    """
    if find_version() < _SCOPED:
        return None
    given = struct.pack("=QQQ", 0, 0, _SCOPES)
    return call(_CREATE, ctypes.create_string_buffer(given, len(given)), len(given), 0)


def enter_rules(rules: int) -> None:
    """Put this thread, and all that it starts, behind the rules for good. Needs no-new-privileges. Raises OSError."""
    call(_RESTRICT, rules, 0)


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, place)
        call(_ADD, rules, _PATH_BENEATH, ctypes.create_string_buffer(rule, len(rule)), 0)
    finally:
        os.close(place)
