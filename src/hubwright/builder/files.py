"""Files of a workspace that a recipe names by globs: only real files inside, never through a link to the outside."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hubwright.builder.inside import open_inside, settle
from hubwright.domain.artifacts import folded, path_problem

MAX_FILES = 5_000
"""Files that all globs of one stage may give together."""

MAX_TOLD = 20
"""Refused files of a stage that are told one by one."""

_LONGEST = 4096  # bytes of a path that Linux takes, with its end; elsewhere it is less, but no build gets there
_MAX_CONFIG = 64 * 1024
_CREDENTIALS = re.compile(rb"extraheader\s*=\s*authorization|://[^/\s:@]*:[^@\s/]+@", re.IGNORECASE)
_KINDS = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


@dataclass(slots=True)
class Chosen:
    """The files to keep, relative to the tree and sorted, and a sentence for each that is refused."""

    files: list[Path] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def find_files(tree: Path, globs: Iterable[str]) -> list[Path]:
    """Paths relative to `tree`, sorted, each once, at most MAX_FILES. What leads outside and `.git` is left out.

    A folder stands for all files below it.
    """
    root = settle(tree)
    found: set[Path] = set()
    for glob in globs:
        for path in matching(root, glob):
            if path.is_file() and path.resolve() == path:  # no link on the whole way
                relative = path.relative_to(root)
                if ".git" not in relative.parts:
                    found.add(relative)
            if len(found) >= MAX_FILES:
                return sorted(found)
    return sorted(found)


def choose_files(tree: Path, globs: Iterable[str]) -> Chosen:
    """The files to keep as artifacts. What could be another file elsewhere, or hold credentials, is refused (S21, S27).

    Files with several names are taken when all of those are in the tree, as compilers like to make them.
    """
    root = settle(tree)
    chosen = Chosen()
    links: Counter[tuple[int, int]] | None = None
    taken: dict[str, Path] = {}
    seen: set[Path] = set()
    for glob in globs:
        found = [path for path in _bounded(matching(root, glob), seen) if not _is_folder(path)]
        if not found:
            chosen.refused.append(f"No file matches {glob}.")
        for path in found:
            relative = path.relative_to(root)
            status = path.lstat()
            if links is None and status.st_nlink > 1:
                links = _count_links(root)
            outside = status.st_nlink > 1 and (links or Counter())[status.st_dev, status.st_ino] < status.st_nlink
            problem = _problem(root, relative, status, outside=outside)
            if problem is None and (other := taken.setdefault(folded(relative.as_posix()), relative)) != relative:
                problem = f"has the name of {other} but for its letters' case or form"
            if problem is not None:
                chosen.refused.append(f"{relative} is not kept: it {problem}.")
            elif len(chosen.files) < MAX_FILES:
                chosen.files.append(relative)
    if len(seen) > MAX_FILES:
        chosen.refused.append(f"There are more than {MAX_FILES} files; the rest is not kept: keep an archive of them.")
    if len(chosen.refused) > MAX_TOLD:
        chosen.refused[MAX_TOLD:] = [f"{len(chosen.refused) - MAX_TOLD} more files are not kept."]
    chosen.files.sort()
    return chosen


def _problem(root: Path, relative: Path, status: os.stat_result, *, outside: bool) -> str | None:
    path, kind = root / relative, stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG:
        return f"is {_KINDS.get(kind, 'a device')}"
    if path.resolve() != path:
        return "is reached through a link"
    if outside:
        return "is a hard link to a file outside of the workspace"
    if problem := path_problem(relative.as_posix()):
        return problem
    if path.name.casefold() == "config" and status.st_size <= _MAX_CONFIG and _has_credentials(root, relative):
        return "is a git configuration with credentials"
    return None


def _has_credentials(root: Path, relative: Path) -> bool:
    try:
        with open_inside(root, relative) as content:
            return _CREDENTIALS.search(content.read(_MAX_CONFIG)) is not None
    except OSError:
        return False  # what can't be read is not sent either


def _bounded(paths: Iterator[Path], seen: set[Path]) -> Iterator[Path]:
    """Each path once; not many more than are kept, for a glob may match a whole disk."""
    for path in paths:
        if path not in seen and not _is_folder(path):
            if len(seen) > MAX_FILES:
                return
            seen.add(path)
            yield path


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _count_links(root: Path) -> Counter[tuple[int, int]]:
    """How many names each file has in the tree."""
    found: Counter[tuple[int, int]] = Counter()
    for folder, _, names in os.walk(root):
        for name in names:
            status = os.lstat(f"{folder}/{name}")
            if status.st_nlink > 1:
                found[status.st_dev, status.st_ino] += 1
    return found


def matching(root: Path, glob: str) -> Iterator[Path]:
    """All paths that the glob gives below `root`, links and folders too; a folder stands for all below it.

    Those that are too long for the system are left out.
    """
    return (path for path in _matching(root, glob) if len(os.fsencode(path)) < _LONGEST)


def _matching(root: Path, glob: str) -> Iterator[Path]:
    parts = PurePosixPath(glob.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in glob:
        return
    pattern = str(PurePosixPath(*parts))
    try:
        for path in root.glob(pattern):
            if _is_folder(path) and parts[-1] != "**":
                yield path
                yield from _all_below(path)
            elif _is_folder(path):  # `**` gives every folder below as well
                yield from path.iterdir()
            else:
                yield path
    except (OSError, ValueError, RecursionError):  # the last: folders deeper than any honest build makes them
        return


def _all_below(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.rglob("*")
    except (OSError, ValueError, RecursionError):
        return
