"""A folder as a storage: what obstore leaves in one, and what tells that it is there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path

MARKER = ".hubwright-storage"
"""A file in the folder; where it is missing, the file server's share is not mounted, and nothing is written."""

DRAFTS = 1000
"""Drafts of one file at a time, and tries to begin one, at most."""


def are_one(one: Path, other: Path) -> bool:
    """Whether they are links to the same file: then rename(2) does nothing, and obstore's copy leaves its draft."""
    return other.exists() and one.exists() and other.samefile(one)


def write_file(path: Path, content: bytes) -> None:
    """Put a file there whole, or not at all, as obstore does it: its draft becomes the file. Raises OSError.

    obstore itself hands it to other threads, which takes longer than the kernel does.
    """
    draft, file = _open_draft(path)
    try:
        with file:
            file.write(content)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def _open_draft(path: Path) -> tuple[Path, BufferedWriter]:
    """A new file beside `path`. Raises OSError."""
    for number in range(1, DRAFTS):
        draft = Path(f"{path}#{number}")
        try:
            return draft, draft.open("xb")
        except FileNotFoundError:
            # who deletes files removes folders that are empty, at any moment; the next try tells what stays wrong
            with suppress(FileNotFoundError, FileExistsError):
                path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            continue  # somebody else's who writes the same, or left by a process that was killed
    raise FileExistsError(errno.EEXIST, "There are too many drafts of it.", str(path))


def delete_files(folder: Path, keys: Iterable[str]) -> None:
    """Delete these, and the folders that are empty then; those that are missing are fine. Raises OSError."""
    for key in keys:
        path = folder / key
        path.unlink(missing_ok=True)
        _drop_empty(path.parent, folder)


def drop_drafts(folder: Path, before: float) -> int:
    """Delete obstore's drafts of before a Unix time, and folders that are empty since; how many drafts.

    A draft is named like its key with `#` and a number; no key of ours has that.
    """
    dropped = 0
    for name, folders, files in os.walk(folder, topdown=False):
        place = Path(name)
        drafts = [place / file for file in files if "#" in file and _is_older(place / file, before)]
        is_old = bool(drafts) or _is_older(place, before)
        for draft in drafts:
            draft.unlink(missing_ok=True)
        dropped += len(drafts)
        if is_old and not folders and len(drafts) == len(files):
            _drop_empty(place, folder)
    return dropped


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.lstat().st_mtime < before
    except FileNotFoundError:
        return False


def _drop_empty(place: Path, root: Path) -> None:
    """Remove a folder and those above it as long as they are empty; who writes makes those that he misses."""
    with suppress(OSError):  # one that is not empty, which is where it ends
        while place != root:
            place.rmdir()
            place = place.parent
