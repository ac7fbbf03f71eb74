"""Two hubs of one installation: PostgreSQL, Valkey and an object store in common, a folder of its own for each."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from fake_github import FakeGitHub
from hub_process import ADMIN, HubProcess, Program
from hubwright.hub.sealing import make_key
from machine_processes import kill_leftovers
from separate_builder import new_token
from tcp_balancer import Balancer


@dataclass(frozen=True)
class Installation:
    """What its hubs have in common. Without a broker they do all the work themselves."""

    folder: Path
    github: FakeGitHub
    settings: dict[str, str]

    def hub(self, name: str, command: Sequence[str] = ("hub",)) -> HubProcess:
        """One more hub, with a folder of its own; not started yet."""
        folder = self.folder / name
        folder.mkdir()
        return HubProcess(folder, command, github=self.github, settings=self.settings, name=name)


def describe(
    folder: Path, github: FakeGitHub, postgres_url: str, storage_url: str, broker_url: str | None = None
) -> Installation:
    """An installation whose hubs wait for nothing long."""
    settings = {
        "DATABASE_URL": postgres_url,
        "STORAGE_URL": storage_url,
        "SECRETS__KEYS": f'["{make_key()}"]',
        "BUILDERS__SEEN_EVERY": "2",
        "BUILDERS__HEARTBEAT": "2",
        **({} if broker_url is None else {"BROKER_URL": broker_url}),
    }
    return Installation(folder, github, settings)


@contextmanager
def behind_balancer(*hubs: HubProcess) -> Iterator[Balancer]:
    """One address for all of them; who connects gets the first that is there."""
    with Balancer([hub.port for hub in hubs]) as balancer:
        yield balancer


@contextmanager
def builder_at(
    url: str, hub: HubProcess, folder: Path, name: str, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """A builder whose way to its hub is `url`; it keeps its runs whatever becomes of a hub."""
    arguments = ("builder", "--hub", url, "--name", name, "--executor", "process", "--work-dir", str(folder / name))
    given = {"HUBWRIGHT_BUILDER_TOKEN": new_token(hub, name), **(environment or {})}
    program = Program(folder, f"builder-{name}", (*arguments, *options), given)
    program.begin()
    try:
        yield program
    finally:
        program.kill()
        kill_leftovers(folder)


class Reader:
    """Follows a log at an address; cut off, it goes on where it was, as a browser does."""

    def __init__(self, url: str, run: int) -> None:
        self._url = url
        self._run = run
        self.data = b""
        self.cuts = 0
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with httpx2.Client(timeout=20, trust_env=False, headers={"Authorization": f"Bearer {ADMIN}"}) as client:
            while not self.ended.is_set():
                try:
                    self._follow(client)
                except httpx2.HTTPError:
                    self.cuts += 1
                    self.ended.wait(0.1)

    def _follow(self, client: httpx2.Client) -> None:
        headers = {"Last-Event-ID": str(len(self.data))}
        with client.stream("GET", f"{self._url}/api/v1/runs/{self._run}/log/stream", headers=headers) as answer:
            answer.raise_for_status()
            kind = ""
            for line in answer.iter_lines():
                key, _, value = line.partition(": ")
                kind = value if key == "event" else kind
                if key == "data" and kind == "chunk":
                    self.data += httpx2.Response(200, text=value).json()["text"].encode()
                if key == "data" and kind == "end":
                    self.ended.set()


def own_output(log: bytes) -> bytes:
    """A log without the lines that the builder says itself."""
    return b"".join(line for line in log.splitlines(keepends=True) if not line.startswith(b"\x1b[1m"))
