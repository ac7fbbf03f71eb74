"""The bundled project: a small C library with a history, made into a git repository for the first start."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from hubwright.errors import SourceError

BRANCH = "main"
REPOSITORY = "hubwright/demo"

_AUTHOR = "Hubwright Demo <demo@hubwright.invalid>"
_FIRST = 1_767_600_000  # 2026-01-05 08:00 UTC; fixed dates give the same commit ids everywhere
_STEP = 7_200

HISTORY = (
    ("1-parse", "Read sections, keys and values"),
    ("2-comments", "Let a comment follow a value"),
    ("3-quotes", "Take the quotes off values\n\nThe tests catch what is wrong with this commit: that is its purpose."),
    ("4-quotes-fixed", "Cut the closing quote, not the byte after it"),
    ("5-numbers", "Read numbers"),
)
"""Folders of changed files below `hubwright/demo`, oldest first, and the commit messages."""


@dataclass(frozen=True, kw_only=True)
class DemoRepository:
    """A bare repository; `commits` are full ids, oldest first. The one of `3-quotes` fails its tests."""

    path: Path
    commits: tuple[str, ...]
    branch: str = BRANCH


def make_demo_repository(root: Path) -> DemoRepository:
    """The bare repository `ROOT/hubwright/demo.git`, made when it is not there. Raises SourceError."""
    path = root / f"{REPOSITORY}.git"
    try:
        if not path.exists():
            _create(path)
        return DemoRepository(path=path, commits=tuple(_git(path, "rev-list", "--reverse", BRANCH).split()))
    except (OSError, subprocess.SubprocessError) as error:
        raise SourceError(f"The demo project can't be made in {root}: {error}.") from error


def _create(path: Path) -> None:
    """Made beside its place and moved there whole, so that a crash leaves nothing half done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = Path(folder) / "demo.git"
        _git(Path(folder), "init", "--quiet", "--bare", "--template=", f"--initial-branch={BRANCH}", fresh.name)
        _git(fresh, "fast-import", "--quiet", given=b"".join(_history()))
        fresh.rename(path)


def _history() -> Iterator[bytes]:
    """The commits as a stream for git. https://git-scm.com/docs/git-fast-import"""
    for position, (folder, message) in enumerate(HISTORY):
        when = f"{_FIRST + position * _STEP} +0000"
        yield f"commit refs/heads/{BRANCH}\nauthor {_AUTHOR} {when}\ncommitter {_AUTHOR} {when}\n".encode()
        yield _data(f"{message}\n".encode())
        for name, content in sorted(_read_files(files("hubwright") / "demo" / folder)):
            yield f"M 100644 inline {name}\n".encode() + _data(content)


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)


def _read_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read_files(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry.read_bytes()


def _git(folder: Path, *arguments: str, given: bytes = b"") -> str:
    """Run git untouched by the settings of the machine and the user, so that the ids stay the same."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = own | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, input=given, env=environment, capture_output=True, timeout=60, check=True
    )
    return done.stdout.decode()
