"""Files of a workspace, opened so that nothing a build has made of its folders leads anywhere else.

The builder may read and write what a build must not: it often is root. So no name below a workspace is followed when it
is a link, neither the last part of a path nor one on the way, and whatever is no file is not opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePath
from typing import BinaryIO

from hubwright.errors import ExecutorError
from hubwright.git.locks import CLOSED_IN_CHILDREN, NO_LINK

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | CLOSED_IN_CHILDREN | NO_LINK


def settle(folder: Path) -> Path:
    """Where a folder that builds write in really is. Its parents may be links; its own name is taken as it stands."""
    return folder.parent.resolve() / folder.name


def open_inside(folder: Path, name: PurePath) -> BinaryIO:
    """A file below the folder, to be read. Raises OSError when it is none, or a part of `name` or `folder` is a link.

    Only the last part is looked at where a platform can't open files relative to a folder.
    """
    if os.open not in os.supports_dir_fd:
        return _checked(os.open(folder / name, os.O_RDONLY | NO_LINK | CLOSED_IN_CHILDREN))
    place = os.open(folder, _FOLDER)
    try:
        for part in name.parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=place)
            os.close(place)
            place = inner
        return _checked(os.open(name.name, os.O_RDONLY | NO_LINK | CLOSED_IN_CHILDREN, dir_fd=place))
    finally:
        os.close(place)


def make_inside(file: Path) -> BinaryIO:
    """A new file in a folder that no build can replace, to be written. Raises ExecutorError when there is one."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK | CLOSED_IN_CHILDREN, 0o644)
    except FileExistsError as error:
        raise ExecutorError(f"{file.name} in the workspace is there already, and not ours.") from error
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o644)  # a build of another user is to read it, whatever the builder's mask is
    return os.fdopen(descriptor, "wb")


def _checked(descriptor: int) -> BinaryIO:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no file")
    return os.fdopen(descriptor, "rb")
