"""Two hubs without a folder in common: each serves any builder, log and page, and a stopped one is not missed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import ADMIN, HubProcess, Make, Program
from machine_processes import kill_leftovers
from separate_builder import new_token
from two_hubs import Installation, behind_balancer, describe
from waiting import until


def chatty(copy: Path, gate: Path) -> str:
    """A recipe that writes 200 lines, waits for the gate, and writes 200 more; the same into a file."""
    lines = "i=0; while [ $i -lt 200 ]; do echo $1 line $i; i=$((i+1)); done"
    script = f"f() {{ {lines}; }}; (f first; while ! test -e {gate}; do sleep 0.05; done; f last) | tee {copy}"
    return f"stages:\n- talk: '{script}'\n"


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


@contextmanager
def builder_at(url: str, hub: HubProcess, folder: Path) -> Iterator[Program]:
    """A builder whose way to its hub is `url`; it keeps its runs whatever becomes of a hub."""
    arguments = ("builder", "--hub", url, "--name", "one", "--executor", "process", "--work-dir", str(folder / "one"))
    program = Program(folder, "builder-one", arguments, {"HUBWRIGHT_BUILDER_TOKEN": new_token(hub, "one")})
    program.begin()
    try:
        yield program
    finally:
        program.kill()
        kill_leftovers(folder)


def own_output(log: bytes) -> bytes:
    """A log without the lines that the builder says itself."""
    return b"".join(line for line in log.splitlines(keepends=True) if not line.startswith(b"\x1b[1m"))


def begun_run(hub: HubProcess, repository: FakeRepository) -> dict[str, Any]:
    return hub.begun(repository, b"first line 199\n", 60)


@pytest.fixture
def common(github: FakeGitHub, folder: Path, postgres_url: str, s3_url: str) -> Installation:
    """Hubs without a broker, that hear of each other by looking at the database."""
    return describe(folder, github, postgres_url, s3_url)


@pytest.mark.timeout(240)
def test_a_log_is_read_at_any_hub_while_it_grows_and_when_its_hub_is_gone(
    make: Make, folder: Path, common: Installation
) -> None:
    """R1 with two hubs: builder and readers go on at another hub, byte by byte; then no hub's disk is needed."""
    copy, gate = folder / "copy", folder / "gate"
    repository = make({".hubwright.yml": chatty(copy, gate)})
    with common.hub("a") as a, common.hub("b") as b, behind_balancer(a, b) as balancer:
        with builder_at(balancer.url, a, folder):
            a.deliver("push", repository.push_payload())
            number = begun_run(a, repository)["id"]
            assert begun_run(b, repository)["id"] == number  # b asks a
            check_views(b, number)
            at_b, moved = Reader(b.url, number), Reader(balancer.url, number)
            until(lambda: all(b"first line 199\n" in one.data for one in (at_b, moved)))
            a.kill()
            until(lambda: b"first line 199\n" in b.output(number), what="b to receive the log itself")
            gate.touch()
            (build,) = b.finished(repository, seconds=60)
            assert (build["result"], build["runs"][0]["attempt"]) == ("success", 1)
            assert at_b.ended.wait(20)
            assert moved.ended.wait(20)
        written = hashlib.sha256(copy.read_bytes()).digest()
        for log in (b.log(number), at_b.data, moved.data):
            assert hashlib.sha256(own_output(log)).digest() == written
        assert moved.cuts > 0
        a.start()
        whole = b.log(number)
        until(lambda: a.log(number) == whole, what="a to find the sealed log")
        b.kill()
        assert a.log(number) == whole
        assert a.get(f"runs/{number}/log/groups")["complete"]


def check_views(hub: HubProcess, number: int) -> None:
    """What is made of a log that grows elsewhere: a range, a search, lines with their times, the page."""
    part = hub.client.get(f"/api/v1/runs/{number}/log", params={"ansi": 1}, headers={"Range": "bytes=5-20"})
    assert (part.status_code, part.content) == (206, hub.log(number)[5:21])
    assert len(hub.get(f"runs/{number}/log/search", q="first line 19")["lines"]) == 11
    timed = hub.client.get(f"/api/v1/runs/{number}/log", params={"ts": 1}).text
    assert timed.splitlines()[-1].endswith("Z first line 199")
    build = hub.get(f"runs/{number}")["build"]
    assert "first line 150" in hub.client.get(f"/builds/{build}/runs/{number}").text
