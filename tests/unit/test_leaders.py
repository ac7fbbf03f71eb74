"""The exit code of a stage's command is taken by nobody but the one who started it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest

from builder_process import scenario
from hubwright.builder.executors.leaders import Leaders
from hubwright.builder.executors.spawn import Start
from hubwright.builder.executors.syscalls import PR_SET_NO_NEW_PRIVS, prctl
from hubwright.builder.executors.terminal import OnTerminal
from hubwright.builder.executors.tree import reap_orphans
from hubwright.errors import ExecutorError

FAILS = ("sh", "-c", "exit 3")
PATIENCE = 20.0


class Watched(Leaders):
    """Tells when somebody who clears up has looked at all processes."""

    def __init__(self) -> None:
        super().__init__()
        self.looked = threading.Event()

    def exclude(self, pids: Iterable[int]) -> list[int]:
        found = list(pids)
        self.looked.set()
        return super().exclude(found)


def start_of(folder: Path, watched: Watched | None = None) -> OnTerminal:
    """A command that fails, as builds' commands are started; with `watched` it ends while somebody clears up."""
    walls = partial(prctl, PR_SET_NO_NEW_PRIVS, 1)
    running = OnTerminal(Start(argv=FAILS, env={}, directory=folder, confine=walls), lambda _: None)
    if watched is not None:
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        threading.Thread(target=reap_orphans, args=(watched,), name="clears up").start()
        assert watched.looked.wait(PATIENCE)
    return running


def _take_code(pid: int) -> None:
    os.waitpid(pid, 0)


@scenario
async def test_a_command_that_ends_while_another_run_is_cleared_up_keeps_its_exit_code(tmp_path: Path) -> None:
    """It began after the look for orphans had begun: taken for one of them, its failure would be told as a success."""
    watched = Watched()
    running = watched.follow(partial(start_of, tmp_path, watched))
    for thread in threading.enumerate():
        if thread.name == "clears up":
            thread.join(PATIENCE)
    assert await asyncio.wait_for(running.finished, PATIENCE) == 3


@scenario
async def test_a_command_that_has_ended_leads_no_more(tmp_path: Path) -> None:
    """Its number may be another process's by then."""
    leaders = Leaders()
    running = leaders.follow(partial(start_of, tmp_path))
    assert leaders.exclude([running.pid, 1]) == [1]
    assert await asyncio.wait_for(running.finished, PATIENCE) == 3
    await asyncio.sleep(0)  # callbacks come after the end
    assert leaders.exclude([running.pid]) == [running.pid]


def test_an_orphan_is_taken() -> None:
    """It would stay in the process table for ever."""
    orphan = subprocess.Popen(FAILS, preexec_fn=partial(prctl, PR_SET_NO_NEW_PRIVS, 1))  # noqa: PLW1509
    os.waitid(os.P_PID, orphan.pid, os.WEXITED | os.WNOWAIT)
    reap_orphans(Leaders())
    orphan.returncode = 3
    with pytest.raises(ChildProcessError):
        os.waitpid(orphan.pid, 0)


@scenario
async def test_a_lost_exit_code_is_no_success(tmp_path: Path) -> None:
    """Python's Popen says 0 when somebody else has taken the code; a run must not be green for that."""
    running = start_of(tmp_path)
    _take_code(running.pid)
    with pytest.raises(ExecutorError, match="exit code was lost"):
        await asyncio.wait_for(running.finished, PATIENCE)
