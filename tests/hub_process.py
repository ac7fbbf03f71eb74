"""Hubwright as operators run it: real processes on a folder, asked over HTTP, killed and started again.

    with HubProcess(folder, github=github) as hub:
        hub.deliver("push", repository.push({"Makefile": "all:\\n"}))
        build = hub.finished(repository)

Whatever a hub leaves behind (builders that outlive it, their stages) is killed when the block ends.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Self
from weakref import WeakSet

import httpx2
from sqlalchemy import create_engine, func, select

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from git_repositories import Files
from hubwright.store.schema import metadata
from hubwright.store.upgrade import upgrade
from machine_processes import kill_leftovers
from server_programs import free_port
from tables import with_tables
from waiting import until
from warm_start import ForkedProgram, Nursery

GREEN: Files = {".hubwright.yml": "stages:\n- build: echo built\n- test: echo tested\n"}
"""A recipe of two stages that succeed."""

Make = Callable[..., FakeRepository]
"""What the fixture `make` gives."""

SECRET = "the webhook's secret"
ADMIN = "the-admin-token-of-these-tests"
PROGRAM = (sys.executable, "-m", "hubwright")
READY = 90.0
"""Seconds that a process has to become ready on a busy machine."""

WARM = {"up", "hub", "worker", "beat", "irc"}
"""Commands that begin in the nursery; set `cold` where the start itself is what is looked at."""

SAID = 6000
"""Characters of each process's words that a failed test shows."""

living: WeakSet[Program] = WeakSet()
"""Every program of this test process, for the report of a failed test."""


@cache
def nursery() -> Nursery:
    """That of this test process, with which it ends."""
    made = Nursery()
    atexit.register(made.close)
    return made


class Program:
    """One `hubwright …` process, started as often as the test likes; its words go to a file."""

    cold = False

    def __init__(
        self, folder: Path, name: str, arguments: Sequence[str], environment: Mapping[str, str],
        prefix: Sequence[str] = (),
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.name = name
        self.arguments = tuple(arguments)
        self.prefix = tuple(prefix)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("HUBWRIGHT_")}
        self.environment |= environment
        self.process: subprocess.Popen[bytes] | ForkedProgram | None = None
        self._file = folder / f"{name}.said"
        living.add(self)

    @property
    def said(self) -> str:
        """All that it wrote, on stdout and stderr, in every life."""
        return self._file.read_text(errors="replace") if self._file.exists() else ""

    def begin(self) -> None:
        """Start it, without waiting for anything."""
        with self._file.open("ab") as said:
            if not (self.prefix or self.cold) and self.arguments[0] in WARM and nursery().is_alike(self.environment):
                self.process = nursery().start(self.arguments, self.environment, self.folder, said)
                return
            self.process = subprocess.Popen(
                [*self.prefix, *PROGRAM, *self.arguments], env=self.environment, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """As a crash: no goodbye, no cleaning up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """As an operator stops it; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(seconds)

    def end(self) -> None:
        """It is gone afterwards, however it was."""
        if self.is_running():
            with suppress(subprocess.TimeoutExpired):
                self.stop(8)
        self.kill()


class HubProcess(Program):
    """`hubwright up --no-demo` (or another `command`) in `folder`/data, with a client of its API.

    Port, secret and admin token stay the same in every life; `settings` are variables without `HUBWRIGHT_`.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str] = ("up", "--no-demo"),
        *,
        github: FakeGitHub | None = None,
        settings: Mapping[str, str] | None = None,
        name: str = "hub",
    ) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "DATA_DIR": str(self.data),
            "PORT": str(self.port),
            "ADMIN_TOKEN": ADMIN,
            "EXECUTOR": "process",
            "GITHUB__WEBHOOK_SECRETS": f'["{SECRET}"]',
            **(_settings_of(github) if github is not None else {}),
            **(settings or {}),
        }
        super().__init__(folder, name, command, {f"HUBWRIGHT_{key}": value for key, value in self.settings.items()})
        self.client = httpx2.Client(
            base_url=self.url, timeout=30, trust_env=False, verify=False, headers={"Authorization": f"Bearer {ADMIN}"}
        )
        self._github = github

    def __enter__(self) -> Self:
        try:
            self.make_tables()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        kill_leftovers(self.folder)
        self.client.close()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.begin()
        until(self.is_ready, READY, f"{self.name} to be ready")

    @property
    def database_url(self) -> str:
        """Where its database is."""
        return self.settings.get("DATABASE_URL", f"sqlite:///{self.data}/hubwright.db")

    def make_tables(self) -> None:
        """What a first start does, at the price of a copy."""
        self.data.mkdir(exist_ok=True)
        if self.database_url.startswith("sqlite:"):
            with_tables(self.database_url)
        else:
            upgrade(self.database_url)

    def restart(self, wait: Callable[[], object] = lambda: None) -> None:
        """Kill it, wait for whatever `wait` waits for, start it on the same data."""
        self.kill()
        wait()
        self.start()

    def is_ready(self) -> bool:
        """Whether it says so; fails when it has ended."""
        assert self.process is not None
        code = self.process.poll()
        assert code is None, f"{self.name} ended with exit code {code}:\n{self.said[-SAID:]}"
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    # --- asking

    @property
    def hook(self) -> str:
        """Where GitHub delivers."""
        return f"{self.url}/hooks/github"

    def deliver(self, event: str, payload: dict[str, Any] | bytes, *, status: int = 202, **more: Any) -> Any:
        """A signed webhook as GitHub sends it; the answer. Fails unless it has this status."""
        assert self._github is not None, "nobody is here to deliver"
        got, answer = self._github.deliver(self.hook, event, payload, **{"secret": SECRET, **more})
        assert got == status, answer
        return answer

    def deliver_to(self, url: str, event: str, payload: dict[str, Any], *, guid: str) -> int:
        """The same at another address; only the status."""
        assert self._github is not None, "nobody is here to deliver"
        return self._github.deliver(url, event, payload, secret=SECRET, guid=guid)[0]

    def get(self, path: str, **query: Any) -> Any:
        """JSON of the API; fails unless it is there."""
        answer = self.client.get(f"/api/v1/{path}", params=query)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json()

    def post(self, path: str, document: dict[str, Any] | None = None, *, status: int = 202) -> Any:
        """Ask the API for something to be done."""
        answer = self.client.post(f"/api/v1/{path}", json=document or {})
        assert answer.status_code == status, (path, answer.text)
        return answer.json()

    def approve(self, repository: FakeRepository) -> dict[str, Any]:
        """Approve the newest build of the repository, once it waits for that; the build as it waited."""

        def look() -> dict[str, Any] | None:
            found = self.builds(repository)[:1]
            return found[0] if found and [run["state"] for run in found[0]["runs"]] == ["held"] else None

        build = dict(until(look, what="a build that waits for approval"))
        self.post(f"builds/{build['id']}/approve", {"sha": build["sha"]})
        return build

    def builds(self, repository: FakeRepository | None = None, **query: Any) -> list[dict[str, Any]]:
        """Builds, newest first, at most 200."""
        if repository is not None:
            query["repo"] = repository.full_name
        return list(self.get("builds", limit=200, **query)["items"])

    def build(self, number: int) -> dict[str, Any]:
        """One build by its id."""
        return dict(self.get(f"builds/{number}"))

    def finished(
        self, repository: FakeRepository, count: int = 1, seconds: float = 40, **query: Any
    ) -> list[dict[str, Any]]:
        """The builds of a repository, newest first, once there are `count` and all have finished."""

        def look() -> list[dict[str, Any]]:
            found = self.builds(repository, **query)
            return found if len(found) >= count and all(one["state"] == "finished" for one in found) else []

        return until(look, seconds, f"{count} finished builds of {repository.full_name}")

    def begun(self, repository: FakeRepository, sign: bytes, seconds: float = 40) -> dict[str, Any]:
        """A run of the repository in whose log `sign` has come."""

        def look() -> dict[str, Any] | None:
            runs = [run for build in self.builds(repository) for run in build["runs"] if run["state"] == "running"]
            return next((run for run in runs if sign in self.output(run["id"])), None)

        found = until(look, seconds, f"{sign!r} in a log of {repository.full_name}")
        assert found is not None
        return found

    def log(self, run: int) -> bytes:
        """A run's whole log as it was written."""
        return self.client.get(f"/api/v1/runs/{run}/log", params={"ansi": "1"}).raise_for_status().content

    def output(self, run: int) -> bytes:
        """The same without the lines that the builder says itself, in which the commands are shown."""
        return b"".join(line for line in self.log(run).splitlines(keepends=True) if not line.startswith(b"\x1b[1m"))

    def events(self, run: int, start: int = 0) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """The live log: (kind, offset, data) of each server-sent event, to its end."""
        with self.client.stream("GET", f"/api/v1/runs/{run}/log/stream", params={"from": start}) as answer:
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                if not line and "data" in fields:
                    yield fields["event"], int(fields["id"]), httpx2.Response(200, text=fields["data"]).json()
                key, _, value = line.partition(": ")
                fields = {**fields, key: value} if line else {}

    def count_rows(self) -> dict[str, int]:
        """How many rows each table has, read past the hub; without the sums of what it counts, refusals among them."""
        engine = create_engine(self.database_url)
        try:
            with engine.connect() as connection:
                return {
                    name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                    for name, table in metadata.tables.items()
                    if name != "figure"
                }
        finally:
            engine.dispose()

    def instance(self) -> str:
        """What the local builder marks its processes with."""
        return (self.data / "builder" / "instance").read_text().strip()


def _settings_of(github: FakeGitHub) -> dict[str, str]:
    return {
        "GITHUB__CLONE_BASE": github.clone_base,
        "GITHUB__API_URL": github.api_url,
        "GITHUB__TOKEN": github.token,
        "GITHUB__WRITE_INTERVAL": "0.01",
        "GITHUB__WRITES_PER_MINUTE": "6000",
        "GITHUB__POINTS_PER_MINUTE": "60000",
    }
