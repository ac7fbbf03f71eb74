"""Files of a workspace that a recipe names by globs: only real files inside, never through a link to the outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

MAX_FILES = 5_000
"""Files that all globs of one stage may give together."""


def find_files(tree: Path, globs: Iterable[str]) -> list[Path]:
    """Paths relative to `tree`, sorted, each once, at most MAX_FILES. What leads outside and `.git` is left out.

    A folder stands for all files below it.
    """
    root = tree.resolve()
    found: set[Path] = set()
    for glob in globs:
        for path in _matches(root, glob):
            if path.is_file() and path.resolve() == path:  # no link on the whole way
                relative = path.relative_to(root)
                if relative.parts[0] != ".git":
                    found.add(relative)
            if len(found) >= MAX_FILES:
                return sorted(found)
    return sorted(found)


def _matches(root: Path, glob: str) -> Iterator[Path]:
    parts = PurePosixPath(glob.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in glob:
        return
    pattern = str(PurePosixPath(*parts))
    try:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                yield from path.rglob("*")
            else:
                yield path
    except (OSError, ValueError):
        return
