"""The executors of a machine that is no Linux: plain processes. Designed for macOS and Windows, not yet run there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hubwright.builder.executors import Executor
from hubwright.builder.executors.plain import PlainExecutor
from hubwright.builder.executors.terms import Policy
from hubwright.errors import SettingsError


def make_executor(name: str, folders: Sequence[Path], policy: Policy) -> tuple[Executor, str | None]:  # noqa: ARG001  the folders: everybody reaches all
    """The plain executor, and a warning when a sandbox was asked for. Raises SettingsError."""
    if name == "container":
        raise SettingsError("The executor container needs a builder on Linux.")
    warning = "Builds run without a sandbox: bubblewrap needs Linux." if name == "bubblewrap" else None
    return PlainExecutor(policy), warning
