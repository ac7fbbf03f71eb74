"""Which executor this machine can have."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from hubwright.builder.executors import Executor
from hubwright.builder.executors.terms import Policy
from hubwright.errors import SettingsError

if sys.platform == "linux":
    from hubwright.builder.executors.linux import make_executor
else:
    from hubwright.builder.executors.elsewhere import make_executor

NAMES = ("auto", "process", "bubblewrap", "container")


def choose_executor(name: str, folders: Sequence[Path], policy: Policy | None = None) -> tuple[Executor, str | None]:
    """The executor called `name`, and a warning when it is not what was wished for.

    `folders` are those that builds must reach. A sandbox is tried once for real. Raises SettingsError for another name.
    """
    if name not in NAMES:
        raise SettingsError(f"There is no executor '{name}': use {', '.join(NAMES[:-1])} or {NAMES[-1]}.")
    return make_executor(name, folders, policy or Policy())
