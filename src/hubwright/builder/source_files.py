"""Which file of the workspace a tool means: paths it prints are relative to where it ran, or only the last part."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from hubwright.builder.inside import settle
from hubwright.domain.places import relative_path

_MANY = 50_000
_PASSED_OVER = frozenset({".git", "node_modules", "__pycache__", ".venv", ".tox"})


class SourceFiles:
    """The files of a workspace, looked up by what is printed of them. `directory` is where the stage runs."""

    def __init__(self, tree: Path, directory: str) -> None:
        self._tree = str(settle(tree))
        self._roots = (self._tree, str(tree))
        self._directory = directory.strip("/")
        self._known: dict[str, str | None] = {}
        self._by_name: dict[str, list[str]] | None = None

    def find(self, path: str) -> str | None:
        """The file from the workspace's root on; None when there is none, or several could be meant."""
        if path not in self._known:
            self._known[path] = self._find(path)
        return self._known[path]

    def _find(self, path: str) -> str | None:
        wanted = relative_path(path, self._roots)
        if wanted is None:
            return None
        for candidate in dict.fromkeys((f"{self._directory}/{wanted}", wanted)):
            inside = relative_path(candidate)
            if inside is not None and self._is_file(inside):
                return inside
        return self._find_by_end(wanted)

    def _is_file(self, path: str) -> bool:
        """Whether it is there, and really inside: a link that a build makes must not tell what lies outside."""
        real = os.path.realpath(f"{self._tree}/{path}")
        return real.startswith(self._tree + "/") and os.path.isfile(real)  # noqa: PTH113  it is a string already

    def _find_by_end(self, wanted: str) -> str | None:
        """The only file whose path and the wanted one share their last parts most."""
        candidates = self._list().get(wanted.rpartition("/")[2], [])
        shared = [(_common_end(one, wanted), one) for one in candidates]
        best = max((length for length, _ in shared), default=0)
        found = [one for length, one in shared if length == best]
        return found[0] if len(found) == 1 else None

    def _list(self) -> dict[str, list[str]]:
        if self._by_name is None:
            self._by_name = defaultdict(list)
            left = _MANY
            for path in _files_below(self._tree):
                left -= 1
                if left < 0:
                    break
                self._by_name[path.rpartition("/")[2]].append(path)
        return self._by_name


def _files_below(tree: str) -> Iterator[str]:
    """The files of the tree, as paths from it on; of folders that are too deep for the system's paths none."""
    waiting = [] if os.path.islink(tree) else [""]  # noqa: PTH114  a string
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(f"{tree}/{folder}") as entries:
                found = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError:  # the build deletes and moves meanwhile
            continue
        for entry in found:
            if not entry.is_dir(follow_symlinks=False):
                yield f"{folder}{entry.name}"
            elif entry.name not in _PASSED_OVER:
                waiting.append(f"{folder}{entry.name}/")


def _common_end(one: str, other: str) -> int:
    count = 0
    for left, right in zip(reversed(one.split("/")), reversed(other.split("/")), strict=False):
        if left != right:
            break
        count += 1
    return count
