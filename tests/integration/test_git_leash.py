"""git ends when the run that wanted it does: it runs in a thread, which nobody can cancel."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from contextvars import copy_context
from pathlib import Path
from threading import Thread

import pytest

from builder_process import is_alive
from hubwright.git.commands import LEASH, Git, GitError, Leash
from waiting import until


def _nap(folder: Path) -> None:
    """A git whose child writes its number and sleeps, as a fetch that gets no answer."""
    Git("file").run(["-c", "alias.nap=!echo $$ > pid; sleep 60; true", "nap"], folder)


def _pid(folder: Path) -> int:
    file = folder / "pid"
    return int(until(lambda: file.exists() and file.read_text().strip()))


def test_a_pulled_leash_ends_git_and_its_children_at_once(tmp_path: Path) -> None:
    """R11: a cancelled run leaves no git behind that goes on fetching for minutes."""
    leash = Leash()

    async def fetch() -> None:
        LEASH.set(leash)
        await asyncio.to_thread(_nap, tmp_path)

    async def check() -> None:
        task = asyncio.create_task(fetch())
        pid = await asyncio.to_thread(_pid, tmp_path)
        began = time.monotonic()
        leash.pull()
        with pytest.raises(GitError):
            await task
        assert time.monotonic() - began < 20
        until(lambda: not is_alive(pid), 20)

    asyncio.run(check())


def test_a_leash_is_pulled_whole_when_one_git_ends_in_that_moment() -> None:
    """Whoever waits for it may have got its end, and not told it yet: the others on the leash must end all the same."""
    leash = Leash()
    with (
        subprocess.Popen(["true"], start_new_session=True) as ended,
        subprocess.Popen(["sleep", "60"], start_new_session=True) as going,
        leash.holding(ended),
        leash.holding(going),
    ):
        os.waitpid(ended.pid, 0)
        ended.poll = lambda: None  # type: ignore[method-assign]  what it says while another thread waits for it
        leash.pull()
        assert going.wait(20) == -signal.SIGKILL


def test_what_is_started_on_a_pulled_leash_ends_at_once(tmp_path: Path) -> None:
    """A fetch asks several times: the next question must not begin after the run has ended."""
    leash = Leash()
    leash.pull()
    context = copy_context()
    context.run(LEASH.set, leash)
    failed: list[GitError] = []

    def fetch() -> None:
        try:
            _nap(tmp_path)
        except GitError as error:
            failed.append(error)

    thread = Thread(target=context.run, args=(fetch,))
    thread.start()
    thread.join(10)
    assert failed
