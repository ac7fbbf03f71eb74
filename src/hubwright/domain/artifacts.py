"""Files that runs keep: which names are taken, where they lie in the storage, and the bounds."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256

MAX_PATH = 1000
"""Letters of a path."""

MAX_FILES = 10_000
"""Files that one run may keep."""

DIRECT_FROM = 8 * 1024 * 1024
"""Bytes from which a file goes straight to a store that signs addresses; below it that costs more than it saves."""

STAGING = "uploads"
"""The folder of the storage that signed addresses lead to; nothing is served from there."""

_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in "123456789")}
_CREDENTIALS = {".git-credentials", ".netrc", "_netrc", ".pypirc", ".dockercfg"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactRules:
    """Bounds in bytes. `direct`: builders may upload straight to the store; `redirect`: readers are sent there.

    A storage that takes and gives nothing for `stalled` seconds is given up. An archive of a build has `zip_size` bytes
    at most. `origin`, `https://files.example.org`, is where files are shown, apart from the hub's own pages.
    """

    max_size: int = 4 * 1024 * 1024 * 1024
    total: int | None = None
    direct: bool = True
    redirect: bool = False
    stalled: float = 60.0
    zip_size: int = 8 * 1024 * 1024 * 1024
    origin: str | None = None
    cache_total: int = 10 * 1024 * 1024 * 1024
    cache_size: int = 2 * 1024 * 1024 * 1024


def artifact_key(run: int, path: str, key: str | None = None) -> str:
    """Where the run's file lies: nothing of the path, which a build chose, reaches the storage's own names.

    `key` is what its row names; rows of the first release name none.
    """
    return key or f"artifacts/{run}/{sha256(path.encode()).hexdigest()}"


def staging_key(run: int, lease: int, path: str, digest: str) -> str:
    """Where a builder's direct upload lands; each run, lease, path and content has a place of its own."""
    named = "\0".join((str(run), str(lease), digest, path))
    return f"{STAGING}/{run}/{sha256(named.encode()).hexdigest()}"


def path_problem(path: str) -> str | None:
    """Why no file of this name is kept, ending the sentence "it …"; None when all is well.

    What any system would take for something else is refused on all: Windows devices, drives and streams, control and
    direction characters, names that only differ there. https://learn.microsoft.com/windows/win32/fileio/naming-a-file
    """
    if not path or len(path) > MAX_PATH:
        return f"has no name or one of more than {MAX_PATH} letters"
    if path.startswith(("/", "\\")) or "\\" in path or ":" in path:
        return "has an absolute path, a backslash or a colon in its name"
    if not path.isprintable():
        return "has invisible characters in its name"
    return next((problem for part in path.split("/") if (problem := _part_problem(part))), None)


def _part_problem(part: str) -> str | None:
    folded = part.casefold()
    if part in {"", ".", ".."}:
        return "has an empty folder, `.` or `..` in its path"
    if len(part.encode()) > 255:
        return "has a name of more than 255 bytes"
    if part.endswith((".", " ")) or folded.partition(".")[0].rstrip() in _RESERVED:
        return "has a name that Windows can't keep"
    if folded.rstrip(" .") == ".git" or folded == "git~1":
        return "belongs to git's own folder, which may hold credentials"
    if folded in _CREDENTIALS:
        return "is a file that holds credentials"
    return None


def folded(path: str) -> str:
    """The same for paths that a system may take for one file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def matches(path: str, glob: str | None) -> bool:
    """Whether the path is the glob's, or its end is (`.zip`); None is any."""
    return glob is None or fnmatchcase(path, glob) or path.endswith(glob) or fnmatchcase(path, f"*/{glob}")
