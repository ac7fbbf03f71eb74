"""The folder of one run: its tree, home, temporary files and the small files that stages write to."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hubwright.builder.removal import remove_tree
from hubwright.git.locks import CLOSED_IN_CHILDREN

COMMAND_FILES = ("output", "env", "path", "summary")
"""Files that `GITHUB_OUTPUT`, `GITHUB_ENV`, `GITHUB_PATH` and `GITHUB_STEP_SUMMARY` point to."""

_COMMANDS = "commands"
_ROOM = 65_536


@dataclass(frozen=True)
class Workspace:
    """Where a run's files lie. `marker` is in the environment of all its processes; `objects` is read by its git."""

    root: Path
    tree: Path
    marker: str
    objects: Path | None = None

    @cached_property
    def home(self) -> Path:
        """`HOME` of the stages: empty at the start, gone at the end."""
        return self.root / "home"

    @cached_property
    def temporary(self) -> Path:
        """`TMPDIR` of the stages."""
        return self.root / "tmp"

    @cached_property
    def commands(self) -> Path:
        """The folder of the command files."""
        return self.root / _COMMANDS

    def make(self) -> None:
        """Make the folders afresh. Raises OSError when the disk is full."""
        root = str(self.root)  # pathlib would cost more than the system calls, and every run comes through here
        if os.path.exists(root):  # noqa: PTH110  the same reason
            self.remove()
        os.makedirs(root)  # noqa: PTH103  the same reason
        for folder in (self.tree, self.home, self.temporary, self.commands):
            os.makedirs(folder, exist_ok=folder is self.tree)  # noqa: PTH103  the same reason
        commands = f"{root}/{_COMMANDS}/"
        for name in COMMAND_FILES:
            os.close(os.open(commands + name, os.O_WRONLY | os.O_CREAT | CLOSED_IN_CHILDREN, 0o644))

    def remove(self) -> None:
        """Delete everything, also what a build has made read-only. What can't be deleted stays, for the next start."""
        remove_tree(self.root)

    def is_full(self) -> bool:
        """Whether the disk below has no room (less than 64 KiB) or no inodes left."""
        try:
            if shutil.disk_usage(self.root).free < _ROOM:
                return True
            if sys.platform == "win32":
                return False
            found = os.statvfs(self.root)
        except OSError:
            return False
        return found.f_files > 0 and found.f_favail == 0
