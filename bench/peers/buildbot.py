"""Buildbot 4.3 from PyPI in an environment of its own: a master on SQLite, and workers as processes.

https://docs.buildbot.net/latest/manual/configuration/wwwhooks.html#github-hook
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import ClassVar

from bench.pushes import REPOSITORY, SECRET
from bench.systems import CLOCK, NotHereError, Work, end, free_port, until

RELEASE = "4.3.0"
READY = 60.0

_CONFIG = """
from buildbot.plugins import schedulers, steps, util, worker
names = [f"worker{{number}}" for number in range({slots})]
checkout = [steps.Git(repourl={repository!r}, mode="full", method="fresh")] if {checkout} else []
command = steps.ShellCommand(command=["sh", "-c", {command!r}], env={{"CI_COMMIT_SHA": util.Property("revision")}})
BuildmasterConfig = {{
    "workers": [worker.Worker(name, "secret", max_builds=1) for name in names],
    "protocols": {{"pb": {{"port": "tcp:{workers_port}:interface=127.0.0.1"}}}},
    "schedulers": [schedulers.SingleBranchScheduler(
        name="pushes", change_filter=util.ChangeFilter(branch="main"), treeStableTimer=None, builderNames=["app"])],
    "builders": [util.BuilderConfig(
        name="app", workernames=names, factory=util.BuildFactory([*checkout, command]), collapseRequests=False)],
    "www": {{"port": "tcp:{port}:interface=127.0.0.1",
             "change_hook_dialects": {{"github": {{"secret": {secret!r}, "strict": True}}}}}},
    "db": {{"db_url": "sqlite:///state.sqlite"}},
    "buildbotURL": "http://127.0.0.1:{port}/",
    "buildbotNetUsageData": None,
}}
"""


class Buildbot:
    """A master with as many workers as there are slots."""

    name = f"Buildbot {RELEASE}"
    slow: ClassVar[bool] = True
    keeps_work: ClassVar[bool] = False
    follows: ClassVar[bool] = False
    unbuilt: ClassVar[dict[str, str]] = {"branch": "kept"}

    def __init__(self, cache: Path) -> None:
        """Install it into `cache` unless it is there. Raises NotHereError."""
        self.ready_after = 0.0
        self.port = 0
        self._bin = _install(cache / f"buildbot-{RELEASE}")
        self._folder = Path()
        self._work = Work()
        self._master: subprocess.Popen[bytes] | None = None
        self._workers: list[subprocess.Popen[bytes]] = []

    def start(self, folder: Path, work: Work) -> None:
        """Make a master and its workers, start them."""
        self._folder, self._work, self.port = folder, work, free_port()
        workers_port = free_port()
        (folder / "times").mkdir()
        self._run("buildbot", "create-master", "--quiet", str(folder / "master"))
        config = _CONFIG.format(
            slots=work.slots,
            repository=(folder / f"repositories/{REPOSITORY}.git").as_uri(),
            checkout=work.checkout,
            command=work.command or f'{CLOCK} >"{folder}/times/$CI_COMMIT_SHA"',
            workers_port=workers_port,
            port=self.port,
            secret=SECRET,
        )
        (folder / "master/master.cfg").write_text(config)
        for number in range(work.slots if work.builder else 0):
            home = str(folder / f"worker{number}")
            self._run(
                "buildbot-worker",
                "create-worker",
                "--quiet",
                home,
                f"127.0.0.1:{workers_port}",
                f"worker{number}",
                "secret",
            )
        self.ready_after = self.start_again()

    def start_again(self) -> float:
        """Start the master; the workers too, but their time is not counted."""
        begun = time.perf_counter()
        self._master = self._spawn("buildbot", "start", "--nodaemon", str(self._folder / "master"))
        until(self._answers, READY, "the master did not answer", 0.005)
        took = time.perf_counter() - begun
        if self._work.builder and not self._workers:
            homes = [str(self._folder / f"worker{number}") for number in range(self._work.slots)]
            self._workers = [self._spawn("buildbot-worker", "start", "--nodaemon", home) for home in homes]
            until(lambda: self._count("connected_workers") >= self._work.slots, READY, "no worker connected", 0.1)
        return took

    def stop(self) -> None:
        """End workers and master."""
        for worker in self._workers:
            end(worker)
        self._workers = []
        end(self._master)

    def rest(self) -> None:
        """As `stop`: there is nothing beside them."""
        self.stop()

    def kill(self) -> None:
        """SIGKILL to the master."""
        assert self._master is not None
        self._master.kill()
        self._master.wait()

    @property
    def hook(self) -> str:
        """The GitHub hook."""
        return f"http://127.0.0.1:{self.port}/change_hook/github"

    @property
    def hooks(self) -> list[str]:
        """There is one."""
        return [self.hook]

    def processes(self) -> dict[str, int]:
        """The master and the first worker."""
        assert self._master is not None
        found = {"hub": self._master.pid}
        if self._workers:
            found["builder"] = self._workers[0].pid
        return found

    def count_kept(self) -> int:
        """Changes."""
        return self._count("changes")

    def count_builds(self, *, finished: bool = True) -> int:
        """Build requests, or builds with result 0."""
        return self._count("builds WHERE results = 0" if finished else "buildrequests")

    def find_first_command(self, sha: str) -> float | None:
        """From the file that the command writes."""
        file = self._folder / "times" / sha
        return float(text) if file.exists() and (text := file.read_text().strip()) else None

    def find_stream(self, _sha: str) -> str | None:
        """Not measured."""
        return None

    def log_addresses(self, _sha: str) -> list[str]:
        """The largest log there is."""
        number = self._ask("SELECT id FROM logs ORDER BY num_lines DESC LIMIT 1")
        return [f"http://127.0.0.1:{self.port}/api/v2/logs/{number}/raw_inline"]

    def _answers(self) -> bool:
        assert self._master is not None
        if self._master.poll() is not None:
            raise RuntimeError(f"Buildbot ended: {(self._folder / 'log').read_text()[-2000:]}")
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/api/v2/builders")
            answer = connection.getresponse()
            answer.read()  # its accept loop dies when a client leaves before the end
            return answer.status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _count(self, what: str) -> int:
        return self._ask(f"SELECT count(*) FROM {what}")

    def _ask(self, query: str) -> int:
        database = sqlite3.connect(self._folder / "master/state.sqlite", timeout=30)
        try:
            return int(database.execute(query).fetchone()[0])
        finally:
            database.close()

    def _spawn(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen([self._bin / program, *words], stdout=log, stderr=log, cwd=self._folder)

    def _run(self, program: str, *words: str) -> None:
        subprocess.run([self._bin / program, *words], check=True, stdout=subprocess.DEVNULL, cwd=self._folder)


def _install(folder: Path) -> Path:
    """Its programs' folder."""
    programs = folder / "bin"
    if (programs / "buildbot-worker").exists():
        return programs
    try:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        wanted = [f"buildbot[bundle]=={RELEASE}", f"buildbot-worker=={RELEASE}"]
        subprocess.run([programs / "pip", "install", "--quiet", *wanted], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode().strip().splitlines()[-1:] or ["no reason was given"]
        raise NotHereError(f"Buildbot {RELEASE} can't be installed: {last[0]}") from error
    return programs
