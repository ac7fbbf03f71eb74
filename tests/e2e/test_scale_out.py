"""The parts as processes of their own: hub, Celery worker, beat, builder, on PostgreSQL with Valkey or RabbitMQ."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess, Make, Program, living
from separate_builder import builder_of, new_token
from server_programs import Processes, free_port, start_valkey
from waiting import until

RECONCILED = 60.0
"""Seconds in which work is found without any hint, on a busy machine."""


@contextmanager
def running(hub: HubProcess, command: str) -> Iterator[Program]:
    """`hubwright worker` or `beat` with the hub's settings and a data folder of its own."""
    environment = hub.environment | {"HUBWRIGHT_DATA_DIR": str(hub.folder / command)}
    program = Program(hub.folder, command, (command,), environment)
    program.begin()
    try:
        yield program
    finally:
        program.end()


@contextmanager
def parts(folder: Path, github: FakeGitHub, postgres_url: str, broker_url: str) -> Iterator[HubProcess]:
    """A hub and a builder; what understands and reports is a worker's, so nothing happens without one."""
    settings = {"DATABASE_URL": postgres_url, "BROKER_URL": broker_url}
    with (
        HubProcess(folder, ("hub",), github=github, settings=settings) as hub,
        builder_of(hub, folder, "one", new_token(hub, "one")),
    ):
        yield hub


def check_green(hub: HubProcess, github: FakeGitHub, repository: FakeRepository, seconds: float = 40) -> None:
    """The repository's head is built and told."""
    (build,) = hub.finished(repository, seconds=seconds, sha=repository.head())
    assert build["result"] == "success"
    github.wait_for(
        lambda: [s for s in github.statuses(build["sha"], "hubwright") if s["state"] == "success"], timeout=seconds
    )


def check_logs(hub: HubProcess, worker: Program, repository: FakeRepository) -> None:
    """One push is followed through the logs of hub, worker and builder by its ids (docs/logging.md)."""
    (build,) = hub.finished(repository, sha=repository.head())
    kept = find_line(hub, event="delivery_kept", about="push")
    assert len(kept["request"]) == 16
    planned = find_line(worker, event="builds_planned", delivery=kept["delivery"])
    assert (planned["process"], planned["builds"]) == ("worker", [build["id"]])
    assert find_line(worker, event="delivery_understood", delivery=kept["delivery"])["outcome"] == "1 build"
    (builder,) = [one for one in living if one.name == "builder-one" and one.folder == hub.folder]
    taken = find_line(builder, event="run_taken", build=build["id"])
    assert find_line(builder, event="run_ended", run=taken["run"])["build"] == build["id"]
    counted = (hub, worker)
    ended = find_line(*counted, event="fact", kind="RunFinished", run=taken["run"])
    assert (ended["build"], ended["result"]) == (build["id"], "success")
    find_line(*counted, event="fact", kind="BuildFinished", build=build["id"])
    told = find_line(worker, event="report_told", builds=[build["id"]])
    assert told["reporter"] == "statuses"


def find_line(*programs: Program, **wanted: object) -> dict[str, Any]:
    """The first line of their logs that has these values; waits for it, as telling goes on after a build's end."""

    def look() -> dict[str, Any] | None:
        said = [line for program in programs for line in program.said.splitlines() if line.startswith("{")]
        return next((line for line in map(json.loads, said) if wanted.items() <= line.items()), None)

    found = until(look, 15, f"a line with {wanted}")
    assert found is not None
    return found


@pytest.mark.timeout(300)
def test_a_push_becomes_green_by_way_of_a_broker(
    github: FakeGitHub, make: Make, folder: Path, postgres_url: str, broker_url: str
) -> None:
    """The same walk with each part a process; a killed worker is replaced by another, which takes over at once."""
    first, second = make(), make()
    with parts(folder, github, postgres_url, broker_url) as hub, running(hub, "beat"):
        with running(hub, "worker") as worker:
            hub.deliver("push", first.push_payload())
            check_green(hub, github, first)
            check_logs(hub, worker, first)
            github.fail_next(2, status=0, latency=3, git=True)
            asked = len(github.requests)
            hub.deliver("push", second.push_payload())
            github.wait_for(lambda: any(".git/" in request.path for request in github.requests[asked:]))
            worker.kill()
        with running(hub, "worker"):
            check_green(hub, github, second)


@pytest.mark.timeout(300)
def test_a_broker_that_dies_delays_and_loses_nothing(
    github: FakeGitHub, make: Make, folder: Path, postgres_url: str
) -> None:
    """The database is the truth, the broker a hint: deliveries without it, and after its death with all it knew."""
    before, without, after = make(), make(), make()
    port = free_port()
    (folder / "valkey").mkdir()
    valkey = Processes(folder / "valkey")
    start_valkey(valkey, port)
    try:
        with parts(folder, github, postgres_url, f"redis://127.0.0.1:{port}/0") as hub, running(hub, "worker"):
            hub.deliver("push", before.push_payload())
            check_green(hub, github, before)
            valkey.end()
            hub.deliver("push", without.push_payload())
            check_green(hub, github, without, RECONCILED)
            start_valkey(valkey, port)
            hub.deliver("push", after.push_payload())
            check_green(hub, github, after, RECONCILED)
    finally:
        valkey.end()


@pytest.mark.timeout(300)
def test_a_worker_finds_the_commit_that_broke_it(
    github: FakeGitHub, make: Make, folder: Path, postgres_url: str, broker_url: str
) -> None:
    """`commits: bisect` by way of a broker: the hub hears of the break, a worker searches, the hub's builder builds."""
    recipe = "stages:\n- build: test ! -e broken\n"
    repository = make({".hubwright.yml": recipe})
    with parts(folder, github, postgres_url, broker_url) as hub, running(hub, "worker"):
        hub.deliver("push", repository.push_payload())
        hub.finished(repository, 1)
        settings = {"settings": {"commits": "bisect"}}
        assert hub.client.patch(f"/api/v1/jobs/{repository.full_name}", json=settings).status_code == 200
        before = repository.head()
        changes = [({"n": str(n), **({"broken": ""} if n == 4 else {})}, f"Commit {n}") for n in range(1, 8)]
        shas = repository.commit_each(changes)
        hub.deliver("push", repository.push_payload(before=before))
        query = {"job": repository.full_name}
        until(lambda: [one["state"] for one in hub.get("bisections", **query)["items"]] == ["found"], 120)
        (search,) = hub.get("bisections", **query)["items"]
        assert [(shas.index(one["sha"]) + 1, one["broke"]) for one in search["culprits"]] == [(4, ["stage build"])]


@pytest.mark.parametrize("command", ["worker", "beat"])
def test_without_a_broker_there_is_nothing_to_do(folder: Path, command: str) -> None:
    """One line that says what to set, exit code 1."""
    program = Program(folder, command, (command,), {"HUBWRIGHT_DATA_DIR": str(folder / "data")})
    program.begin()
    assert program.process is not None
    assert program.process.wait(60) == 1
    assert program.said.startswith(f"Error: `hubwright {command}` needs a broker: set BROKER_URL")
    assert program.said.count("\n") == 1


def has_handler(program: Program, number: int) -> bool:
    """Whether the process looks after a signal itself."""
    assert program.process is not None
    caught = Path(f"/proc/{program.process.pid}/status").read_text().split("SigCgt:")[1].split()[0]
    return bool(int(caught, 16) >> (number - 1) & 1)


def test_a_worker_ends_when_it_is_told_to(folder: Path, postgres_url: str, valkey_url: str) -> None:
    """SIGTERM: within seconds, with nothing held."""
    environment = {
        "HUBWRIGHT_DATA_DIR": str(folder / "data"), "HUBWRIGHT_DATABASE_URL": postgres_url,
        "HUBWRIGHT_BROKER_URL": valkey_url,
    }  # fmt: skip
    program = Program(folder, "worker", ("worker",), environment)
    program.begin()
    try:
        until(lambda: has_handler(program, signal.SIGTERM), 60)
        assert program.stop(60) == 0
        assert "Traceback" not in program.said
    finally:
        program.end()
