"""Paths of jobs and folders in their one tree: `team/sub/app`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hubwright.errors import UnprocessableError

MAX_PATH = 300
"""Characters of a path that people give; those of copies are longer, at most 400."""

MAX_NAME = 100
"""Characters of one name in a path."""

ROOT = ""
"""The folder above all others."""

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}"
_PATH = re.compile(rf"(?!.*/builds\Z){_NAME}(?:/{_NAME}){{0,9}}\Z")  # below …/builds are a job's builds


_TAKEN = frozenset({"builds", "versions", "differences"})
"""What the API has below a job's address: a job of such a name would hide it, or be hidden."""


def is_path(path: str) -> bool:
    """Whether a job or folder can be at this path."""
    return _PATH.match(path) is not None


def check_path(path: str) -> str:
    """The path, when people may have a job or folder there. Raises UnprocessableError."""
    if not is_path(path) or len(path) > MAX_PATH or split_path(path)[1] in _TAKEN:
        raise UnprocessableError(
            "A path is names of letters, digits, `_`, `-` and `.`, with `/` between them: at most ten names, "
            f"{MAX_PATH} characters, and the last is not `builds`, `versions` or `differences`."
        )
    return path


def split_path(path: str) -> tuple[str, str]:
    """The folder, "" for the root, and the name in it."""
    folder, _, name = path.rpartition("/")
    return folder, name


def folders_of(path: str) -> list[str]:
    """The folders that a path stands in, from the root down."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)]


def check_folders(paths: Sequence[str]) -> list[str]:
    """Folders without slashes around them, each once. Raises UnprocessableError."""
    return list(dict.fromkeys(check_path(path.strip("/")) for path in paths))
