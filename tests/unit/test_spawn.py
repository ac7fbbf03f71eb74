"""How commands are started: what they inherit from the thread that starts them."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hubwright.builder.executors.low_numbers import LowNumbers
from hubwright.builder.executors.spawn import Start, spawn, wait_for_end
from hubwright.errors import ExecutorError


def test_a_thread_that_has_started_a_command_is_gone_for_the_kernel_too() -> None:
    """A sandbox dies with the thread that has started it: one that `join` calls ended may still end after its start."""
    for _ in range(500):
        thread = threading.Thread(target=int)
        thread.start()
        wait_for_end(thread)
        assert not os.path.exists(f"/proc/self/task/{thread.native_id}")  # noqa: PTH110  as there


PROGRAM = """
import os, sys
from pathlib import Path
from hubwright.builder.executors.low_numbers import LowNumbers
from hubwright.builder.executors.spawn import Start, spawn
shows = ("/bin/sh", "-c", 'for file in /proc/$$/fd/*; do echo "open ${file##*/}"; done')
late = (lambda pid: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)) if "LATE" in os.environ else None
with LowNumbers(len(sys.argv) - 1).opened(sys.argv[1:]) as numbers:
    start = Start(argv=shows, env={"PATH": os.defpath}, directory=Path("/"), doors=numbers, admit=late)
    sys.exit(spawn(start, 1).wait())
"""


def run_through(*doors: str, **more: str) -> tuple[int, list[str]]:
    """The exit code and the output of a command that shows which files it has open, from a builder of its own.

    A test runner has files open under all low numbers. With LATE the builder opens the gate when the command has ended.
    """
    asked = [sys.executable, "-c", PROGRAM, *doors]
    done = subprocess.run(asked, stdout=subprocess.PIPE, check=False, env={**os.environ, **more})
    return done.returncode, done.stdout.decode().splitlines()


def test_a_command_goes_through_its_doors_before_it_begins_and_can_not_open_them_again(tmp_path: Path) -> None:
    """With a door of its group in hand it could take other processes in, or come back when it was put elsewhere."""
    doors = [str(tmp_path / name) for name in ("cpu", "memory")]
    for door in doors:
        Path(door).touch()

    assert run_through(*doors) == run_through() != (0, [])
    assert [Path(door).read_text() for door in doors] == ["0\n", "0\n"]


@pytest.mark.parametrize("more", [{}, {"LATE": "1"}], ids=["", "the builder comes late"])
def test_what_a_door_refuses_is_not_begun(more: dict[str, str]) -> None:
    """A command outside of its group would have no limits. It may have ended before its builder opens the gate."""
    code, output = run_through("/dev/full", **more)

    assert (code, output[-1]) == (126, "The command was not let into its control group.")


def test_who_is_killed_before_its_group_has_it_tells_so_by_its_exit_code() -> None:
    """The kernel knows of no such process then; that its group could not take it in would be told of the machine."""

    def come_late(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        raise ProcessLookupError(errno.ESRCH, "No such process")

    start = Start(argv=("/bin/true",), env={"PATH": os.defpath}, directory=Path("/"), admit=come_late)
    assert spawn(start, 1).wait() == -signal.SIGKILL


def test_who_is_not_found_and_lives_is_not_begun(tmp_path: Path) -> None:
    """Outside of its group it would have no limits: it ends at the gate."""

    def lose(_pid: int) -> None:
        raise ProcessLookupError(errno.ESRCH, "No such process")

    argv = ("/bin/sh", "-c", f"echo > {tmp_path}/begun")
    with pytest.raises(ExecutorError, match="can't be put into its group: No such process"):
        spawn(Start(argv=argv, env={"PATH": os.defpath}, directory=Path("/"), admit=lose), 1)
    assert list(tmp_path.iterdir()) == []


def test_too_many_doors_are_none(tmp_path: Path) -> None:
    """Who has not gone in by itself is taken in by the builder; half of the doors would help nobody."""
    files = [str(tmp_path / str(number)) for number in range(9)]
    with LowNumbers(9).opened(files) as numbers:
        assert numbers == ()
    assert list(tmp_path.iterdir()) == []


def test_low_numbers_lead_nowhere_when_nobody_has_them(tmp_path: Path) -> None:
    """A door that stayed open would keep its group from ending."""
    numbers = LowNumbers(7)
    door = tmp_path / "door"
    door.touch()
    with numbers.opened([str(door)]) as lent:
        assert [os.get_inheritable(number) for number in lent] == [False] * len(lent)
    assert door.resolve() not in [file.resolve() for file in Path("/proc/self/fd").iterdir()]
