"""Hubwright as its operator runs it: `hubwright up`, SQLite with synchronous=FULL, a builder as a child process."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar

import orjson

from bench.machine import children
from bench.pushes import REPOSITORY, SECRET
from bench.repository import write_recipe
from bench.systems import CLOCK, Work, end, free_port, until

PROGRAM = Path(sys.executable).with_name("hubwright")
READY = 60.0

_TIME = re.compile(rb"^(\d{10}\.\d{9})\s*$", re.MULTILINE)


class Hubwright:
    """One hub with its builder."""

    slow: ClassVar[bool] = False
    keeps_work: ClassVar[bool] = True
    follows: ClassVar[bool] = True
    unbuilt: ClassVar[dict[str, str]] = {"message": "Mend the manual [skip ci]"}

    def __init__(self, executor: str = "process") -> None:
        self.executor = executor
        self.name = "Hubwright" if executor == "process" else f"Hubwright, {executor}"
        self.hubs = 1
        self.port = 0
        self.ready_after = 0.0
        self._folder = Path()
        self._work = Work()
        self._process: subprocess.Popen[bytes] | None = None
        self._builder = 0

    def start(self, folder: Path, work: Work) -> None:
        """Set up in `folder`, start, define the job."""
        self._folder, self._work, self.port = folder, work, free_port()
        self.ready_after = self.start_again()
        settings: dict[str, Any] = {"checkout": work.checkout}
        if not work.checkout:
            settings["recipe"] = write_recipe(work.command or CLOCK)
        definition = {"repo": REPOSITORY, "settings": settings}
        self.ask("PUT", f"/api/v1/jobs/{REPOSITORY}", orjson.dumps(definition))
        if work.builder:
            until(self._has_builder, READY, "no builder connected")

    def start_again(self) -> float:
        """Start on what is there; the seconds until /livez answers 200."""
        begun = time.perf_counter()
        words = ["up", "--no-demo", "--port", str(self.port), "--slots", str(self._work.slots)]
        if not self._work.builder:
            words.append("--no-builder")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([PROGRAM, *words], env=self._environment(), stdout=log, stderr=log)
        until(self._is_alive, READY, "the hub was not alive", 0.002)
        return time.perf_counter() - begun

    def stop(self) -> None:
        """End hub and builder."""
        end(self._process)

    def rest(self) -> None:
        """As `stop`: there is nothing beside them."""
        self.stop()

    def kill(self) -> None:
        """SIGKILL to the hub; its builder goes when it notices."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def hook(self) -> str:
        """Where pushes go."""
        return f"http://127.0.0.1:{self.port}/hooks/github"

    @property
    def hooks(self) -> list[str]:
        """There is one hub."""
        return [self.hook]

    @property
    def reader(self) -> str:
        """The hub that readers are at, by its name in `processes`."""
        return "hub"

    @property
    def reader_port(self) -> int:
        """Where it is asked."""
        return self.port

    @property
    def database_url(self) -> str:
        """SQLAlchemy's."""
        return f"sqlite:///{self._folder}/data/hubwright.db"

    def processes(self) -> dict[str, int]:
        """Hub and builder."""
        assert self._process is not None
        found = {"hub": self._process.pid}
        for child in children(self._process.pid):
            if b"\0builder\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                found["builder"] = child
        return found

    def count_kept(self) -> int:
        """Deliveries in the database."""
        return self._count("SELECT count(*) FROM delivery")

    def count_builds(self, *, finished: bool = True) -> int:
        """Builds in the database."""
        return self._count("SELECT count(*) FROM build" + (" WHERE result = 'success'" if finished else ""))

    def count_newest_green(self, count: int) -> int:
        """How many of the newest so many builds are green."""
        return self._count(
            f"SELECT count(*) FROM (SELECT result FROM build ORDER BY id DESC LIMIT {count}) AS newest "
            "WHERE result = 'success'"
        )

    def find_first_command(self, sha: str) -> float | None:
        """Read from the log, which a sandboxed build can write too."""
        run = self.find_run(sha)
        if run is None or run["state"] != "finished":
            return None
        found = _TIME.search(self.ask("GET", f"/api/v1/runs/{run['id']}/log"))
        return float(found.group(1)) if found else None

    def find_stream(self, sha: str) -> str | None:
        """Server-sent events."""
        run = self.find_run(sha)
        return f"http://127.0.0.1:{self.reader_port}/api/v1/runs/{run['id']}/log/stream" if run else None

    def log_addresses(self, sha: str) -> list[str]:
        """With and without escapes."""
        run = self.find_run(sha)
        assert run is not None
        address = f"http://127.0.0.1:{self.port}/api/v1/runs/{run['id']}/log"
        return [f"{address}?ansi=1", address]

    def find_run(self, sha: str) -> dict[str, Any] | None:
        """The first run of a commit, once there is one."""
        builds = orjson.loads(self.ask("GET", f"/api/v1/builds?sha={sha}"))["items"]
        return builds[0]["runs"][0] if builds and builds[0]["runs"] else None

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """A request to the API with the operator's token; the answer's body."""
        token = self._read_token()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()}")
        return content

    def _read_token(self) -> str:
        return (self._folder / "data" / "cli-token").read_text().strip()

    def _environment(self) -> dict[str, str]:
        own = {
            "DATA_DIR": str(self._folder / "data"),
            "EXECUTOR": self.executor,
            "GITHUB__WEBHOOK_SECRETS": SECRET,
            "GITHUB__CLONE_BASE": (self._folder / "repositories").as_uri(),
        }
        return os.environ | {f"HUBWRIGHT_{key}": value for key, value in own.items()}

    def _is_alive(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the hub ended: {(self._folder / 'log').read_text()[-2000:]}")
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _has_builder(self) -> bool:
        builders = orjson.loads(self.ask("GET", "/api/v1/builders"))["items"]
        return any(builder.get("state") not in ("away", "offline") for builder in builders)

    def _count(self, query: str) -> int:
        database = sqlite3.connect(self._folder / "data" / "hubwright.db")
        try:
            return int(database.execute(query).fetchone()[0])
        finally:
            database.close()
