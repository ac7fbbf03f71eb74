"""The network between a builder and its hub fails in every way; hubs die and are replaced: no build notices."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bad_wire import DOWN, UP, BadWire, bad_wire
from builder_process import open_folder
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess, Make, Program
from separate_builder import builder_of, new_token
from waiting import until

SETTINGS = {"BUILDERS__HEARTBEAT": "0.5", "BUILDERS__SEEN_EVERY": "1"}
TICKS = 30

_TALK = """
import sys, time
copy = open(sys.argv[1], "wb")
worst, last = 0.0, time.monotonic()
for tick in range(int(sys.argv[2])):
    time.sleep(0.1)
    lines = b"".join(b"line %d\\n" % (100 * tick + n) for n in range(100))
    copy.write(lines)
    copy.flush()
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()
    worst, last = max(worst, time.monotonic() - last), time.monotonic()
open(sys.argv[1] + ".worst", "w").write(str(worst))
"""


@dataclass
class Talker:
    """A repository whose build writes a thousand lines a second, also into a file, and how long it ever had to wait."""

    repository: FakeRepository
    copy: Path

    @property
    def worst(self) -> float:
        return float(Path(f"{self.copy}.worst").read_text())

    def has_written(self, line: int) -> bool:
        return self.copy.exists() and b"line %d\n" % line in self.copy.read_bytes()


def make_talker(make: Make, copy: Path) -> Talker:
    copy.parent.chmod(0o777)  # builds may have a user of their own
    recipe = f"stages:\n- talk: python3 talk.py {copy} {TICKS}\n"
    return Talker(make({".hubwright.yml": recipe, "talk.py": _TALK}), copy)


def check_whole(hub: HubProcess, github: FakeGitHub, talker: Talker) -> dict[str, Any]:
    """It ended as if nothing had happened: first attempt, every byte once, each status told once."""
    (build,) = hub.finished(talker.repository, seconds=60)
    (run,) = build["runs"]
    assert (build["result"], run["attempt"], run["detail"]) == ("success", 1, None)
    log, copy = hub.output(run["id"]), talker.copy.read_bytes()
    same = next((at for at, pair in enumerate(zip(log, copy, strict=False)) if pair[0] != pair[1]), len(copy))
    assert log == copy, f"{len(log)} bytes instead of {len(copy)}, other ones from {same} on: {log[same : same + 80]!r}"
    assert log.endswith(b"line %d\n" % (100 * TICKS - 1))
    assert talker.worst < 2.0, "the build had to wait"
    sha = build["sha"]
    github.wait_for(lambda: [one for one in github.statuses(sha, "hubwright") if one["state"] == "success"])
    ends = [one["context"] for one in github.statuses(sha) if one["state"] != "pending"]
    assert sorted(ends) == sorted(set(ends))
    return build


@dataclass
class Installation:
    """A hub, and a builder behind a bad wire."""

    hub: HubProcess
    wire: BadWire
    builder: Program


@pytest.fixture(scope="module")
def installation(github: FakeGitHub) -> Iterator[Installation]:
    with open_folder() as folder, HubProcess(folder, ("hub",), github=github, settings=SETTINGS) as hub:
        token = new_token(hub, "far")
        with bad_wire(hub.port) as wire, builder_of(hub, folder, "far", token, "--hub", wire.url) as builder:
            yield Installation(hub, wire, builder)


def _cut_often(wire: BadWire) -> None:
    for _ in range(5):
        wire.cut()
        time.sleep(0.3)


def _swallow(*ways: str) -> Callable[[BadWire], None]:
    def swallow(wire: BadWire) -> None:
        wire.swallow = frozenset(ways)
        time.sleep(3)  # twice as long as either side waits for a sign of life

    return swallow


def _dribble(wire: BadWire) -> None:
    wire.bytes_a_second = 2000
    time.sleep(2.5)


def _stall(wire: BadWire) -> None:
    wire.stalls = 0.3
    time.sleep(2.5)


@pytest.mark.parametrize(
    "trouble",
    [_cut_often, _swallow(UP), _swallow(DOWN), _swallow(UP, DOWN), _dribble, _stall],
    ids=["cut", "hub-hears-nothing", "builder-hears-nothing", "both-deaf", "slow-loris", "stalls"],
)
def test_a_build_does_not_notice_a_bad_network(
    installation: Installation, github: FakeGitHub, make: Make, folder: Path, trouble: Callable[[BadWire], None]
) -> None:
    """R5: cut both ways, one way while the connection stays open, a trickle, 30 % of the packets late."""
    hub, wire = installation.hub, installation.wire
    talker = make_talker(make, folder / "copy")
    hub.deliver("push", talker.repository.push_payload())
    until(lambda: talker.has_written(100))
    trouble(wire)
    wire.heal()
    check_whole(hub, github, talker)


def test_a_hub_is_replaced_by_another_on_the_same_data(
    github: FakeGitHub, make: Make, folder: Path, postgres_url: str
) -> None:
    """A second hub on PostgreSQL at another port takes over while the first is killed; nobody tells the builder."""
    settings = {**SETTINGS, "DATABASE_URL": postgres_url}
    talkers = [make_talker(make, folder / f"copy{number}") for number in range(2)]
    first = HubProcess(folder, ("hub",), github=github, settings=settings)
    second = HubProcess(folder, ("hub",), github=github, settings=settings, name="second")
    with first, bad_wire(first.port) as wire:
        token = new_token(first, "far")
        with builder_of(first, folder, "far", token, "--hub", wire.url, "--slots", "2"):
            for talker in talkers:
                first.deliver("push", talker.repository.push_payload())
            for talker in talkers:
                until(lambda talker=talker: talker.has_written(500))
            with second:
                wire.target = second.port
                first.kill()
                for talker in talkers:
                    check_whole(second, github, talker)


def test_twenty_runs_do_not_notice_that_their_hub_was_killed(github: FakeGitHub, make: Make, folder: Path) -> None:
    """R1: each writes a thousand lines a second; results, every byte and the statuses are there after its start."""
    recipe = (
        "matrix:\n  part: [" + ", ".join(f'"{part}"' for part in range(20)) + "]\n"
        "stages:\n- talk: 'for i in $(seq 30); do seq ${i}00 ${i}99 | tee -a "
        + str(folder)
        + "/copy$MATRIX_PART; sleep 0.1; done; [ $MATRIX_PART != 7 ]'\n"
    )
    folder.chmod(0o777)
    repository = make({".hubwright.yml": recipe})
    with (
        HubProcess(folder, ("hub",), github=github, settings=SETTINGS) as hub,
        builder_of(hub, folder, "wide", new_token(hub, "wide"), "--slots", "20"),
    ):
        hub.deliver("push", repository.push_payload())
        until(lambda: len(list(folder.glob("copy*"))) == 20, 60)
        hub.restart()
        (build,) = hub.finished(repository, seconds=90)
        results = {run["matrix"]["part"]: run["result"] for run in build["runs"]}
        assert results == {str(part): "failure" if part == 7 else "success" for part in range(20)}
        for run in build["runs"]:
            copy = (folder / f"copy{run['matrix']['part']}").read_bytes()
            assert copy.count(b"\n") == 3000
            assert hashlib.sha256(hub.output(run["id"])).digest() == hashlib.sha256(copy).digest()
            assert run["attempt"] == 1
        sha = build["sha"]
        github.wait_for(lambda: [one for one in github.statuses(sha, "hubwright") if one["state"] == "failure"])
        ends = [one["context"] for one in github.statuses(sha) if one["state"] != "pending"]
        assert sorted(ends) == sorted(set(ends))
