"""GitHub's lists into rows, beside github-to-sqlite: both load the same answers from one replay server, twice."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CalledProcessError

from bench.measure import Figure, Ground, Row, Values
from bench.replica_beside import PEER, Told, install, load_twice, make_answers, make_wishes, run_twice
from bench.scaled import ScaledHubwright
from bench.servers import Servers
from bench.subject import Hubwright
from bench.systems import NotHereError, System

from replay_server import ReplayServer  # isort: skip  bench.replica_beside has found it

ISSUES = 1_000


class GithubToSqlite:
    """No server: a program that is started for each list."""

    def __init__(self, cache: Path) -> None:
        """Install it below `cache` unless it is there. Raises NotHereError."""
        self.name = PEER.replace("==", " ")
        folder = cache / PEER.replace("==", "-")
        self.python = folder / "peer/bin/python"
        if not self.python.exists():
            try:
                self.python = install(folder)
            except CalledProcessError as error:
                raise NotHereError(f"{PEER} can't be installed") from error


def measure(system: System | GithubToSqlite, ground: Ground) -> Values:
    """Seconds and processor seconds of each list, first and again."""
    issues = 200 if ground.quick else ISSUES
    values: Values = {}
    with tempfile.TemporaryDirectory(dir=ground.folder) as name, ReplayServer(make_answers(issues)) as replay:
        for number, wish in enumerate(make_wishes(issues)):
            folder = Path(name) / str(number)
            if isinstance(system, GithubToSqlite):
                told = run_twice(wish, replay, system.python, folder)
            elif isinstance(system, Hubwright):
                with _databases(system, folder) as where:
                    told = load_twice(wish, replay, folder, where, system.hubs)
            else:
                raise NotHereError("it has no copy of GitHub")
            values |= _name(number, told)
    return values


@contextmanager
def _databases(system: Hubwright, folder: Path) -> Iterator[dict[str, str]]:
    """Settings that name what the hubs are to have in the new `folder`; one alone makes its SQLite itself."""
    folder.mkdir()
    if not isinstance(system, ScaledHubwright):
        yield {}
        return
    servers = Servers(folder, broker=system.hubs > 1)
    try:
        yield servers.settings
    finally:
        servers.stop()


def _name(number: int, told: list[Told]) -> Values:
    """Of one list."""
    first, again = told
    return {
        f"{number} first": first.seconds, f"{number} cpu": first.processor, f"{number} again": again.seconds,
        f"{number} asked": first.full, f"{number} whole": again.full, "peak": first.memory,
    }  # fmt: skip


def _rows() -> tuple[Row, ...]:
    rows = []
    for number, wish in enumerate(make_wishes(ISSUES)):
        what = f"{wish.items:,} {wish.command}, {wish.title.partition(',')[0]}"
        rows += [
            Row(f"{number} first", f"{what}: first", "s", 2),
            Row(f"{number} cpu", "… processor time", "s", 2),
            Row(f"{number} again", "… again, nothing changed", "s", 2),
            Row(f"{number} whole", "… answers that GitHub had to send whole then"),
        ]
    return (*rows, Row("peak", "peak memory", "MB"))


FIGURE = Figure(
    name="replica",
    title="The copy of GitHub",
    how="One server replays the same answers to both, each with a database of its own "
    "([more](performance-replica.md)). Hubwright is a running hub that is asked through its door; the other "
    "is a command whose start is in its times. Of two hubs the first is asked and the second tells when it "
    "is done; the worker loads, and the processor time is that of all processes.",
    rows=_rows(),
    measure=measure,
    scaled=True,
    runs=2,
    limits=("commit",),
    rivals=(GithubToSqlite,),
)
