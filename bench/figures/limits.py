"""What this machine does at best of what the other figures are made of: disk, loopback, processes, git, a terminal."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from bench.load import compile_program, quantile, send
from bench.machine import probe_disk
from bench.measure import Figure, Ground, Row, Values
from bench.pushes import Pushes
from bench.repository import make_repository
from bench.servers import Servers
from bench.subject import Hubwright
from bench.systems import NotHereError, System, end, free_port, until

LIMITS = "limits"
LIMITS_TOLD = {
    "fsync": "an fdatasync {fsync:.2f} ms;",
    "commit": "a durable commit of one row {commit:.2f} ms (SQLite);",
    "postgresql": "{postgresql:.2f} ms (PostgreSQL);",
    "loopback": "{loopback:,.0f} MB/s through its loopback;",
    "loopback requests": "{requests:,.0f} pushes/s to a server in C that reads them and answers;",
    "framework": "{framework:,.0f} to uvicorn and Starlette that do no more;",
    "spawn": "a process started and waited for {spawn:.1f} ms;",
    "gate": "`sh -c true` {gate:.1f} ms;",
    "git": "`git fetch` of a commit {fetch:.1f} ms, `git checkout` of its 20 files {checkout:.1f} ms;",
    "terminal": "{terminal:,.0f} lines/s through a terminal;",
}
"""How a limit is told beside other figures."""

HERE = Path(__file__).parents[1]


def measure(system: System, ground: Ground) -> Values:
    """Each by itself, with nothing of Hubwright."""
    if not isinstance(system, Hubwright):
        raise NotHereError("a machine has its limits once")
    times = 20 if ground.quick else 200
    with tempfile.TemporaryDirectory(dir=ground.folder) as name:
        folder = Path(name)
        folder.chmod(0o755)
        return {
            "fsync": probe_disk(folder).p50,
            "commit": _time_sqlite(folder, times),
            "postgresql": _time_postgresql(folder, times),
            "loopback": _count_loopback(1 << 28 if ground.quick else 1 << 31),
            "requests": _count_requests(ground, [str(compile_program(HERE / "echo.c", folder))], "{port}"),
            "framework": _count_requests(ground, [sys.executable, "-m", "uvicorn", *_BARE], "{port}"),
            "spawn": _middle(times, lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)),
            "gate": _middle(times, lambda: subprocess.run(["/bin/sh", "-c", "true"], check=True)),
            **_time_git(folder, max(5, times // 10)),
            "terminal": _count_terminal(compile_program(HERE / "lines.c", folder)),
        }


_BARE = ("bench.bare:app", "--log-level", "critical", "--no-access-log", "--port")


def _middle(times: int, work: Callable[[], object]) -> float:
    """The median, in milliseconds."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - begun))
    return quantile(sorted(took), 0.5)


def _time_sqlite(folder: Path, times: int) -> float:
    with closing(sqlite3.connect(folder / "commits.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE t (a TEXT)")
        return _middle(times, lambda: database.execute("INSERT INTO t VALUES ('one row')"))


def _time_postgresql(folder: Path, times: int) -> float:
    servers = Servers(folder, broker=False)
    try:
        url = servers.database_url.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as database:
            database.execute("CREATE TABLE t (a TEXT)")
            return _middle(times, lambda: database.execute("INSERT INTO t VALUES ('one row')"))
    finally:
        servers.stop()


def _count_loopback(size: int) -> float:
    """Megabytes a second from one thread to another."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        sender = socket.create_connection(door.getsockname())
        receiver, _ = door.accept()
    block = bytes(1 << 20)

    def pour() -> None:
        with sender:
            for _ in range(size >> 20):
                sender.sendall(block)

    begun = time.perf_counter()
    thread = threading.Thread(target=pour)
    thread.start()
    room = bytearray(1 << 20)
    with receiver:
        while receiver.recv_into(room):
            pass
    thread.join()
    return size / (time.perf_counter() - begun) / 1e6


def _count_requests(ground: Ground, command: Sequence[str], last: str) -> float:
    """Pushes a second, 64 at once."""
    with _serving([*command, last]) as url:
        answers = send(ground.load, [url], Pushes().make_many(2000 if ground.quick else 20_000), 64, ground.folder)
    return answers.accepted / answers.wall


@contextmanager
def _serving(command: Sequence[str]) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([word.format(port=port) for word in command], cwd=HERE.parent)
    try:
        until(lambda: _is_open(port), 30, "the server did not answer")
        yield f"http://127.0.0.1:{port}/hooks/github"
    finally:
        end(process)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _time_git(folder: Path, times: int) -> Values:
    """A commit more into a mirror, and its files into an empty folder that shares the mirror's objects."""
    origin, mirror = folder / "origin.git", folder / "mirror.git"
    commits = iter(make_repository(origin, times + 1, "true"))
    _git("init", "--quiet", "--bare", str(mirror))
    fetch = ("--git-dir", str(mirror), "fetch", "--quiet", "--no-tags", origin.as_uri())
    _git(*fetch, next(commits))
    fetched = _middle(times, lambda: _git(*fetch, next(commits)))
    head = make_repository(folder / "same.git", 1, "true")[0]

    def check_out() -> None:
        tree = folder / "tree"
        _git("init", "--quiet", str(tree))
        (tree / ".git/objects/info/alternates").write_text(f"{mirror}/objects\n")
        _git("-C", str(tree), "reset", "--quiet", "--hard", head)
        shutil.rmtree(tree)

    return {"fetch": fetched, "checkout": _middle(times, check_out)}


def _git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


def _count_terminal(program: Path) -> float:
    """Lines a second that one program writes to a terminal and another reads."""
    master, slave = os.openpty()
    begun = time.perf_counter()
    process = subprocess.Popen([program], stdout=slave, start_new_session=True)
    os.close(slave)
    try:
        while os.read(master, 65_536):
            pass
    except OSError:  # EIO: the writer has ended
        took = time.perf_counter() - begun
    finally:
        os.close(master)
        process.wait()
    return 1_000_000 / took


FIGURE = Figure(
    name=LIMITS,
    title="This machine by itself",
    how="Nothing of Hubwright is in these: what the same machine does at best of what the figures below are made of.",
    rows=(
        Row("fsync", "fdatasync of 4 KiB, p50", "ms", 2),
        Row("commit", "durable commit of one row, SQLite, p50", "ms", 2),
        Row("postgresql", "… PostgreSQL, one connection, p50", "ms", 2),
        Row("loopback", "bytes through the loopback, from thread to thread", "MB/s"),
        Row("requests", "pushes (8 KB) to a server in C that answers at once, 64 at once", "/s"),
        Row("framework", "… to uvicorn and Starlette, with nothing behind", "/s"),
        Row("spawn", "a process started and waited for, p50", "ms", 2),
        Row("gate", "… `sh -c true`, from Python, p50", "ms", 2),
        Row("fetch", "`git fetch` of one commit into a mirror, p50", "ms", 1),
        Row("checkout", "`git init` and `git reset --hard` of 20 files beside it, p50", "ms", 1),
        Row("terminal", "lines of 100 bytes through a terminal", "/s"),
    ),
    measure=measure,
    rivals=(),
)
