"""The executors of a Linux machine, as good as it can have them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hubwright.builder.executors import Executor
from hubwright.builder.executors.bubblewrap import BubblewrapExecutor, find_bubblewrap
from hubwright.builder.executors.cells import Cells
from hubwright.builder.executors.cgroups import Groups
from hubwright.builder.executors.container import ContainerExecutor
from hubwright.builder.executors.daemon import Daemon, find_daemon, find_socket
from hubwright.builder.executors.process import ProcessExecutor
from hubwright.builder.executors.terms import SAME_USER, Policy
from hubwright.builder.executors.users import Users, choose_users
from hubwright.errors import ExecutorError, SettingsError


def make_executor(name: str, folders: Sequence[Path], policy: Policy) -> tuple[Executor, str | None]:
    """The executor, and a warning when it is not what was wished for. Raises SettingsError."""
    groups = Groups()
    if name == "container":
        return ContainerExecutor(_need_daemon(policy), _cells(policy, groups), None), None
    plain, cells, warning = _without_containers(name, folders, policy, groups)
    daemon = find_daemon(policy.containers.host) if name == "auto" else None
    return (plain if daemon is None else ContainerExecutor(daemon, cells, plain)), warning


def _need_daemon(policy: Policy) -> Daemon:
    try:
        daemon = Daemon(find_socket(policy.containers.host))
        daemon.probe()
    except ExecutorError as error:
        raise SettingsError(f"There can be no containers: {error}") from error
    return daemon


def _cells(policy: Policy, groups: Groups) -> Cells:
    try:
        return Cells(policy, choose_users(policy.user), groups)
    except ExecutorError as error:
        raise SettingsError(str(error)) from error


def _without_containers(
    name: str, folders: Sequence[Path], policy: Policy, groups: Groups
) -> tuple[Executor, Cells, str | None]:
    if name == "process":
        return _plain(folders, policy, groups)
    try:
        users = choose_users(policy.user)
        cells = Cells(policy, users, groups)
        sandbox = BubblewrapExecutor(find_bubblewrap(), cells)
        sandbox.probe(folders, users)
    except ExecutorError as error:
        executor, cells, warning = _plain(folders, policy, groups)
        return executor, cells, f"Builds run without a sandbox: {error}{' ' + warning if warning else ''}"
    return sandbox, cells, None


def _plain(folders: Sequence[Path], policy: Policy, groups: Groups) -> tuple[Executor, Cells, str | None]:
    users, warning = None, None
    try:
        users = choose_users(policy.user)
        if users is not None:
            _check_reach(users, folders)
    except ExecutorError as error:
        users = None
        warning = f"Builds run as root and can read all that root can: {error}"
    if users is None:
        policy = replace(policy, user=SAME_USER)
    cells = Cells(policy, users, groups)
    return ProcessExecutor(cells), cells, warning


def _check_reach(users: Users, folders: Sequence[Path]) -> None:
    """Whether the users of builds can enter the folders. Raises ExecutorError."""
    user = users.take()
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(
                ["/usr/bin/env", "test", "-x", str(folder)], check=False, user=user.number, group=user.group,
                extra_groups=[], env={}, cwd="/",
            )  # fmt: skip
            if done.returncode:
                raise ExecutorError(f"{folder} is in a folder that only root may enter.")
    except (OSError, subprocess.SubprocessError) as error:  # root of a user namespace that has no other users
        raise ExecutorError(f"the user number {user.number} can't be had ({error}).") from error
    finally:
        users.give_back(user)
