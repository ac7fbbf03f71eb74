"""Deleting what builds have made: folders of any depth, read-only ones too, and never what a link leads to.

`shutil.rmtree` holds a descriptor and a frame for each level, so thousands of folders in each other would stay.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

_LEVELS = 50
"""Levels below which a folder is first moved to the top."""


def remove_tree(root: Path) -> None:
    """Delete the folder with all in it, when no process writes there any more. What can't be deleted stays."""
    if sys.platform == "win32":
        shutil.rmtree(root, onerror=_free_and_retry)
        return
    try:
        top = _open(str(root), None)
    except OSError:
        return
    try:
        _Removal(top).go()
    finally:
        os.close(top)
    with suppress(OSError):
        root.rmdir()


class _Removal:
    """`top` is a descriptor of the folder; what is too deep waits in it under names of its own."""

    def __init__(self, top: int) -> None:
        self._top = top
        self._prefix = f"{token_hex(8)}-"
        self._waiting: list[str] = []
        self._moved = 0

    def go(self) -> None:
        self._clear(self._top, 0)
        while self._waiting:
            self._remove_folder(self._waiting.pop(), self._top, 0)

    def _clear(self, folder: int, level: int) -> None:
        """Take away what is in the folder."""
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_folder in found:
            with suppress(OSError):
                if not is_folder:
                    os.unlink(name, dir_fd=folder)
                elif level < _LEVELS:
                    self._remove_folder(name, folder, level)
                else:
                    self._put_off(name, folder)

    def _remove_folder(self, name: str, parent: int, level: int) -> None:
        with suppress(OSError):
            inner = _open(name, parent)
            try:
                self._clear(inner, level + 1)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=parent)

    def _put_off(self, name: str, parent: int) -> None:
        os.chmod(name, stat.S_IRWXU, dir_fd=parent)
        self._moved += 1
        later = f"{self._prefix}{self._moved}"
        os.rename(name, later, src_dir_fd=parent, dst_dir_fd=self._top)
        self._waiting.append(later)


def _open(name: str, parent: int | None) -> int:
    """A folder that is no link, made writable where a build has made it read-only. Raises OSError."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        found = os.open(name, flags, dir_fd=parent)
    except PermissionError:
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise
        os.chmod(name, stat.S_IRWXU, dir_fd=parent)
        return os.open(name, flags, dir_fd=parent)
    mode = os.fstat(found).st_mode
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        with suppress(OSError):
            os.fchmod(found, stat.S_IRWXU)
    return found


def _free_and_retry(function: Callable[..., object], path: str, _: object) -> None:
    """Make the folder writable and try once more; links are never followed."""
    for folder in (str(Path(path).parent), path):
        if not Path(folder).is_symlink() and Path(folder).is_dir():
            Path(folder).chmod(stat.S_IRWXU)
    with suppress(OSError):
        function(path)
