"""Laminar behind the small program `webhook`, which checks signatures; both from Debian where it has them.

https://laminar.ohwg.net/docs.html, https://github.com/adnanh/webhook
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import ClassVar

import orjson

from bench.pushes import REPOSITORY, SECRET
from bench.systems import CLOCK, NotHereError, Work, end, free_port, until

PROGRAMS = ("laminard", "laminarc", "webhook")
PACKAGES = ("laminar", "webhook")
READY = 20.0
SUCCESS = 6
"""`RunState::SUCCESS` of its source."""

JOB = "app"


class Laminar:
    """laminard, and webhook in front of it, which replies before it runs `laminarc`."""

    name = "Laminar"
    slow: ClassVar[bool] = False
    keeps_work: ClassVar[bool] = False
    follows: ClassVar[bool] = False
    unbuilt: ClassVar[dict[str, str]] = {"branch": "kept"}

    def __init__(self, _cache: Path) -> None:
        """Install it where this may be done. Raises NotHereError."""
        self.ready_after = 0.0
        self.port = 0
        self._http = 0
        self._folder = Path()
        self._processes: list[subprocess.Popen[bytes]] = []
        _install()

    def start(self, folder: Path, work: Work) -> None:
        """Write the job and the hook, start both programs."""
        self._folder, self.port, self._http = folder, free_port(), free_port()
        for name in ("home/cfg/jobs", "home/cfg/contexts", "times"):
            (folder / name).mkdir(parents=True)
        slots = work.slots if work.builder else 0
        (folder / "home/cfg/contexts/default.conf").write_text(f"EXECUTORS={slots}\nJOBS=*\n")
        _write_program(folder / f"home/cfg/jobs/{JOB}.run", _write_job(folder, work))
        _write_program(folder / "queue", f'#!/bin/sh\nexec laminarc queue {JOB} "CI_COMMIT_SHA=$1"\n')
        (folder / "hooks.json").write_bytes(orjson.dumps([_hook(folder)]))
        self.ready_after = self.start_again()

    def start_again(self) -> float:
        """Start both; the seconds until both answer."""
        begun = time.perf_counter()
        self._spawn("laminard")
        until(lambda: _answers(self._http), READY, "laminard did not answer", 0.002)
        took = time.perf_counter() - begun
        if len(self._processes) == 1:
            hooks = str(self._folder / "hooks.json")
            self._spawn(
                "webhook", "-hooks", hooks, "-ip", "127.0.0.1", "-port", str(self.port), "-http-methods", "POST"
            )
            until(lambda: _answers(self.port), READY, "webhook did not answer", 0.002)
        return took

    def stop(self) -> None:
        """End both."""
        for process in reversed(self._processes):
            end(process)
        self._processes = []

    def rest(self) -> None:
        """As `stop`: there is nothing beside them."""
        self.stop()

    def kill(self) -> None:
        """SIGKILL to both, as one server."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes = []

    @property
    def hook(self) -> str:
        """webhook's."""
        return f"http://127.0.0.1:{self.port}/hooks/push"

    @property
    def hooks(self) -> list[str]:
        """There is one."""
        return [self.hook]

    def processes(self) -> dict[str, int]:
        """laminard starts builds itself."""
        return {"hub": self._processes[0].pid}

    def count_kept(self) -> int:
        """It keeps no pushes, only runs."""
        return self.count_builds(finished=False)

    def count_builds(self, *, finished: bool = True) -> int:
        """Runs in its database."""
        database = sqlite3.connect(self._folder / "home/laminar.sqlite", timeout=30)
        try:
            what = f"WHERE result = {SUCCESS} AND completedAt IS NOT NULL" if finished else ""
            return int(database.execute(f"SELECT count(*) FROM builds {what}").fetchone()[0])
        finally:
            database.close()

    def find_first_command(self, sha: str) -> float | None:
        """From the file that the command writes."""
        file = self._folder / "times" / sha
        return float(text) if file.exists() and (text := file.read_text().strip()) else None

    def find_stream(self, _sha: str) -> str | None:
        """Not measured."""
        return None

    def log_addresses(self, _sha: str) -> list[str]:
        """The log of the first run."""
        return [f"http://127.0.0.1:{self._http}/log/{JOB}/1"]

    def _spawn(self, *words: str) -> None:
        own = {
            "LAMINAR_HOME": str(self._folder / "home"),
            "LAMINAR_BIND_HTTP": f"127.0.0.1:{self._http}",
            "LAMINAR_BIND_RPC": f"unix:{self._folder}/rpc",
            "LAMINAR_HOST": f"unix:{self._folder}/rpc",
        }
        with (self._folder / "log").open("ab") as log:
            self._processes.append(subprocess.Popen(words, stdout=log, stderr=log, env=os.environ | own))


def _install() -> None:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "--yes", "--quiet", *PACKAGES], check=False, capture_output=True)
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise NotHereError(f"Its programs are not here and could not be installed from Debian: {', '.join(missing)}.")


def _write_job(folder: Path, work: Work) -> str:
    lines = ["#!/bin/sh -e"]
    if work.checkout:
        address = (folder / f"repositories/{REPOSITORY}.git").as_uri()
        lines += [f"git clone --quiet --no-checkout {address} tree", "cd tree", 'git checkout --quiet "$CI_COMMIT_SHA"']
    lines.append(work.command or f'{CLOCK} >"{folder}/times/$CI_COMMIT_SHA"')
    return "\n".join(lines) + "\n"


def _write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _hook(folder: Path) -> dict[str, object]:
    signature = {"source": "header", "name": "X-Hub-Signature-256"}
    branch = {"source": "payload", "name": "ref"}
    rules = [
        {"match": {"type": "payload-hmac-sha256", "secret": SECRET, "parameter": signature}},
        {"match": {"type": "value", "value": "refs/heads/main", "parameter": branch}},
    ]
    return {
        "id": "push",
        "execute-command": str(folder / "queue"),
        "pass-arguments-to-command": [{"source": "payload", "name": "after"}],
        "trigger-rule": {"and": rules},
    }


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True
