"""A folder as a storage: what obstore leaves in one, and what tells that it is there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MARKER = ".hubwright-storage"
"""A file in the folder; where it is missing, the file server's share is not mounted, and nothing is written."""


def are_one(one: Path, other: Path) -> bool:
    """Whether they are links to the same file: then rename(2) does nothing, and obstore's copy leaves its draft."""
    return other.exists() and one.exists() and other.samefile(one)


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
