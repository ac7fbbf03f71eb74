"""A recipe whose build goes on until it is let go or killed, with processes that are hard to be rid of."""

from __future__ import annotations

from pathlib import Path

from git_repositories import Files
from waiting import until


def endless(folder: Path) -> Files:
    """It writes `begun`, starts a process in its group and one in a session of its own that ignores SIGTERM.

    It ends when `folder`/gate is there; the numbers of its processes are in `folder`/pids.
    """
    lines = [
        "umask 0",  # the next attempt is another user's, and writes to the same file
        f"sleep 600 & echo $! >> {folder}/pids",
        f"setsid sh -c 'echo $$ >> {folder}/pids; trap \"\" TERM HUP; while :; do sleep 600; done' &",
        f"echo $$ >> {folder}/pids; echo begun",
        f"while ! test -e {folder}/gate; do sleep 0.05; done; echo ended",
    ]
    script = "".join(f"        {line}\n" for line in lines)
    return {".hubwright.yml": f"stages:\n- wait:\n    run: |\n{script}- after: echo after\n"}


def started_processes(folder: Path, count: int = 3) -> list[int]:
    """The processes that the recipe has started, once there are `count`."""

    def look() -> list[int]:
        file = folder / "pids"
        found = [int(line) for line in file.read_text().split()] if file.exists() else []
        return found if len(found) >= count else []

    return until(look, what="the build's processes to start")
