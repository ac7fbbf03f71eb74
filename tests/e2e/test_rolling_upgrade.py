"""R18: from one release to the next, process by process behind the balancer, while builds run and print."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import hubwright
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess, Make, Program
from hubwright.wire import WIRE_VERSION
from next_release import MADE_BY, REVISION, VERSION, WIRE, make_next_release
from two_hubs import Installation, Reader, behind_balancer, builder_at, describe, own_output
from waiting import until

QUICK = "labels: [{0}]\nstages:\n- build: echo built by {0}\n"

SURPRISES = ("Traceback", "unknown message", "is not expected here", '"level":"error"')


def talking(label: str, copy: Path, gate: Path) -> str:
    """A recipe that writes a line every few moments until the gate opens; the same into a file."""
    script = f"i=0; while ! test -e {gate}; do echo line $i; i=$((i+1)); sleep 0.1; done; echo last"
    return f"labels: [{label}]\nstages:\n- talk: '({script}) | tee {copy}'\n"


@contextmanager
def worker_of(hub: HubProcess) -> Iterator[Program]:
    """`hubwright worker` with the hub's settings and a folder of its own."""
    environment = hub.environment | {"HUBWRIGHT_DATA_DIR": str(hub.folder / "worker")}
    program = Program(hub.folder, "worker", ("worker",), environment)
    program.begin()
    try:
        yield program
    finally:
        program.end()


class Walk:
    """Two hubs, a worker, and a builder of each release; `long` are builds that print all the time."""

    def __init__(self, stack: ExitStack, common: Installation, make: Make) -> None:
        self.next = {"PYTHONPATH": str(make_next_release(common.folder / "next"))}
        self.folder, self._github, self._make = common.folder, common.github, make
        self.a, self.b = (stack.enter_context(common.hub(name)) for name in "ab")
        self.worker = stack.enter_context(worker_of(self.a))
        self.balancer = stack.enter_context(behind_balancer(self.a, self.b))
        for name, environment in (("old", {}), ("new", self.next)):
            options = ("--label", name, "--slots", "2")
            stack.enter_context(
                builder_at(self.balancer.url, self.a, self.folder, name, *options, environment=environment)
            )
            until(lambda name=name: name in self.connected(self.a), 60, f"{name} to connect")
            self.balancer.targets.reverse()  # the next one comes to the other hub
        self.gate = self.folder / "gate"
        self.long = {
            name: make({".hubwright.yml": talking(name, self.folder / f"copy-{name}", self.gate)})
            for name in ("old", "new")
        }

    def connected(self, hub: HubProcess) -> set[str]:
        """Builders that are at any hub."""
        return {one["name"] for one in hub.get("builders")["items"] if one["state"] == "connected"}

    def upgrade(self, program: Program) -> None:
        """Stop it as an operator does, and start the next release in its place."""
        assert program.stop() in {0, -signal.SIGTERM}
        program.environment |= self.next
        if isinstance(program, HubProcess):
            program.start()
        else:
            program.begin()

    def check_quick_builds(self, hub: HubProcess) -> None:
        """Pushes that come to this hub are built, by a builder of each release, and told once."""
        for name in ("old", "new"):
            repository = self._make({".hubwright.yml": QUICK.format(name)})
            hub.deliver("push", repository.push_payload())
            (build,) = hub.finished(repository, seconds=60)
            assert (build["result"], build["runs"][0]["builder"]) == ("success", name)
            self.check_told(build)

    def check_told(self, build: dict[str, Any]) -> None:
        """GitHub has heard of its end once."""

        def look() -> list[dict[str, Any]]:
            told = self._github.statuses(build["sha"], "hubwright")
            return [one for one in told if (one["repository"], one["state"]) == (build["repo"], "success")]

        until(look, 30, "the status")
        assert len(look()) == 1

    def begin_long(self) -> dict[str, int]:
        """Their runs, which have begun to print."""
        for repository in self.long.values():
            self.a.deliver("push", repository.push_payload())
        return {name: self.a.begun(one, b"line 3\n", 60)["id"] for name, one in self.long.items()}

    def check_end(self, name: str, repository: FakeRepository, reader: Reader) -> None:
        """It went on in one attempt; every hub, and who read all the while, has what it wrote, to the byte."""
        (build,) = self.a.finished(repository, seconds=60)
        (run,) = build["runs"]
        assert (build["result"], run["attempt"], run["builder"]) == ("success", 1, name)
        assert reader.ended.wait(20)
        written = hashlib.sha256((self.folder / f"copy-{name}").read_bytes()).digest()
        for log in (self.a.log(run["id"]), self.b.log(run["id"]), reader.data):
            assert hashlib.sha256(own_output(log)).digest() == written
        self.check_told(build)


@pytest.fixture
def common(github: FakeGitHub, folder: Path, postgres_url: str, s3_url: str, rabbitmq_url: str) -> Installation:
    """PostgreSQL, RabbitMQ and an object store in common; two hubs with Valkey are what `make chaos` has."""
    return describe(folder, github, postgres_url, s3_url, rabbitmq_url)


@pytest.mark.timeout(300)
def test_a_rolling_upgrade_with_builds_running_loses_nothing(common: Installation, make: Make) -> None:
    """Builders of both releases at hubs of both; the database is upgraded below a hub that does not know of it."""
    with ExitStack() as stack:
        walk = Walk(stack, common, make)
        runs = walk.begin_long()
        readers = {name: Reader(walk.balancer.url, run) for name, run in runs.items()}
        walk.check_quick_builds(walk.a)  # a newer builder at older hubs
        walk.upgrade(walk.b)
        until(lambda: walk.connected(walk.a) == {"old", "new"}, 60, "both at the hubs again")
        assert [hub.get("info")["modules"]["wire"] for hub in (walk.a, walk.b)] == [WIRE_VERSION, WIRE]
        walk.check_quick_builds(walk.a)  # an older hub on newer tables
        walk.upgrade(walk.worker)
        walk.upgrade(walk.a)
        until(lambda: walk.connected(walk.b) == {"old", "new"}, 60, "both at the newer hubs")
        walk.check_quick_builds(walk.b)  # an older builder at newer hubs
        walk.gate.touch()
        for name, repository in walk.long.items():
            walk.check_end(name, repository, readers[name])
        check_traces(walk, common)


def check_traces(walk: Walk, common: Installation) -> None:
    """It was what it was meant to be: rows, words and messages of both releases, and no hub that was surprised."""
    said = walk.a.said + walk.b.said
    assert "mood_heard" in said
    assert "'red'" in said or '"red"' in said
    for one in (said, walk.worker.said):
        surprises = [line for line in one.splitlines() if any(word in line for word in SURPRISES)]
        assert surprises == []
    engine = create_engine(common.settings["DATABASE_URL"])
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == REVISION
        made_by = connection.execute(text(f"SELECT {MADE_BY} FROM run ORDER BY id")).scalars().all()
    engine.dispose()
    assert set(made_by) == {None, VERSION}
    assert hubwright.__version__ != VERSION
