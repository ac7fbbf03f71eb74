"""Hubwright in parts: hubs on PostgreSQL; more than one with Valkey between them, a worker and the beat."""

from __future__ import annotations

import secrets
import subprocess
import time
from pathlib import Path

import orjson
from sqlalchemy import create_engine, text

from bench.servers import Servers
from bench.subject import PROGRAM, READY, Hubwright
from bench.systems import OTHERWISE, Work, end, free_port, until
from hubwright.hub.sealing import make_key
from hubwright.store.tokens import keep_token


class ScaledHubwright(Hubwright):
    """So many hubs, each with a builder that has its share of the slots; asked at all of them in turn."""

    def __init__(self, hubs: int) -> None:
        super().__init__()
        self.name = f"{OTHERWISE}PostgreSQL, {hubs} hub{'s' if hubs > 1 else ''}"
        self.hubs = hubs
        self._servers: Servers | None = None
        self._ports: list[int] = []
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._token = secrets.token_urlsafe(24)
        self._key = make_key()

    def start(self, folder: Path, work: Work) -> None:
        """Set up servers, hubs and builders in `folder`, define the job."""
        self._servers = Servers(folder, broker=self.hubs > 1)
        self._ports = [free_port() for _ in range(self.hubs)]
        super().start(folder, work)
        if self.hubs > 1:  # it understands the pushes
            until(self._has_worker, READY, "the worker was not there", 0.05)

    def start_again(self) -> float:
        """Start every part that does not run on what is there; the seconds until the first hub answers."""
        begun = time.perf_counter()
        ready = begun
        for number, port in enumerate(self._ports, 1):
            self.port = port
            self._begin(_name("hub", number), "hub", "--port", str(port))
            self._process = self._parts[_name("hub", number)]
            until(self._is_alive, READY, "the hub was not alive", 0.002)
            ready = ready if number > 1 else time.perf_counter()
        self.port = self._ports[0]
        if self.hubs > 1:
            self._begin("worker", "worker")
            self._begin("beat", "beat")
        for number, port in enumerate(self._ports, 1) if self._work.builder else ():
            self._begin_builder(_name("builder", number), port)
        return ready - begun

    def stop(self) -> None:
        """End everything, the servers last."""
        self.rest()
        if self._servers is not None:
            self._servers.stop()

    def rest(self) -> None:
        """End hubs, builders, worker and beat."""
        for name in reversed(list(self._parts)):
            end(self._parts.pop(name))

    def kill(self) -> None:
        """SIGKILL to the hub that pushes go to; another one goes on."""
        process = self._parts.pop("hub")
        process.kill()
        process.wait()

    @property
    def hooks(self) -> list[str]:
        """Of every hub."""
        return [f"http://127.0.0.1:{port}/hooks/github" for port in self._ports]

    @property
    def reader(self) -> str:
        """The last one: what another one receives is shown there too."""
        return _name("hub", self.hubs)

    @property
    def reader_port(self) -> int:
        """Of the last hub."""
        return self._ports[-1]

    def processes(self) -> dict[str, int]:
        """Of every part that runs, and PostgreSQL."""
        assert self._servers is not None
        return {name: process.pid for name, process in self._parts.items()} | {"database": self._servers.database_pid}

    @property
    def database_url(self) -> str:
        """SQLAlchemy's."""
        assert self._servers is not None
        return self._servers.database_url

    def _begin(self, name: str, *words: str, **more: str) -> None:
        if name in self._parts:
            return
        environment = self._environment() | {f"HUBWRIGHT_{key}": value for key, value in more.items()}
        environment["HUBWRIGHT_DATA_DIR"] = str(self._folder / name.replace(" ", ""))
        with (self._folder / "log").open("ab") as log:
            self._parts[name] = subprocess.Popen([PROGRAM, *words], env=environment, stdout=log, stderr=log)

    def _begin_builder(self, name: str, port: int) -> None:
        if name in self._parts:
            return
        engine = create_engine(self.database_url)
        with engine.begin() as connection:
            token = keep_token(connection, secrets.token_urlsafe(32), name=name, role="builder", now=time.time())
        engine.dispose()
        slots = max(1, self._work.slots // self.hubs)
        words = ["--hub", f"http://127.0.0.1:{port}", "--slots", str(slots), "--allow-file-protocol"]
        words += [
            "--executor",
            self.executor,
            "--name",
            name.replace(" ", "-"),
            "--work-dir",
            str(self._folder / f"of-{name.replace(' ', '-')}"),
        ]
        self._begin(name, "builder", *words, BUILDER_TOKEN=token)

    def _environment(self) -> dict[str, str]:
        assert self._servers is not None
        own = {"ADMIN_TOKEN": self._token, "DATABASE_URL": self.database_url, "SECRETS__KEYS": self._key}
        own["STORAGE_URL"] = (self._folder / "storage").as_uri()  # what hubs of several machines would mount
        if self._servers.broker_url:
            own |= {"BROKER_URL": self._servers.broker_url, "REDIS_URL": self._servers.broker_url}
        return super()._environment() | {f"HUBWRIGHT_{key}": value for key, value in own.items()}

    def _read_token(self) -> str:
        return self._token

    def _has_builder(self) -> bool:
        items = orjson.loads(self.ask("GET", "/api/v1/builders"))["items"]
        return sum(builder.get("state") not in ("away", "offline") for builder in items) == self.hubs

    def _has_worker(self) -> bool:
        return self._count("SELECT count(*) FROM process WHERE kind = 'worker'") > 0

    def _count(self, query: str) -> int:
        engine = create_engine(self.database_url)
        try:
            with engine.connect() as connection:
                return int(connection.execute(text(query)).scalar_one())
        finally:
            engine.dispose()


def _name(kind: str, number: int) -> str:
    return kind if number == 1 else f"{kind} {number}"
