"""Which executor this machine can have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hubwright.builder.executors import Executor
from hubwright.builder.executors.bubblewrap import BubblewrapExecutor, find_bubblewrap
from hubwright.builder.executors.process import ProcessExecutor
from hubwright.errors import ExecutorError, SettingsError


def choose_executor(
    name: str, folders: Sequence[Path], *, network: bool = True, user: str = "nobody"
) -> tuple[Executor, str | None]:
    """The executor called `name` (`auto`, `process`, `bubblewrap`), and a warning when it is not the one wished for.

    `folders` are those that builds must reach; `user` is whom builds run as when the builder is root. A sandbox is
    tried once for real. Raises SettingsError for another name.
    """
    if name not in {"auto", "process", "bubblewrap"}:
        raise SettingsError(f"There is no executor '{name}': use auto, process or bubblewrap.")
    if name == "process":
        return ProcessExecutor(), None
    try:
        sandbox = BubblewrapExecutor(find_bubblewrap(), network=network, user=user)
        sandbox.probe(folders)
    except ExecutorError as error:
        return ProcessExecutor(), f"Builds run without a sandbox, as the builder's own user: {error}"
    return sandbox, None
