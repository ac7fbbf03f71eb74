"""Two hubs without a folder in common: each serves any builder, log and page, and a stopped one is not missed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from hub_process import HubProcess, Make
from two_hubs import Installation, Reader, behind_balancer, builder_at, describe, own_output
from waiting import until


def chatty(copy: Path, gate: Path) -> str:
    """A recipe that writes 200 lines, waits for the gate, and writes 200 more; the same into a file."""
    lines = "i=0; while [ $i -lt 200 ]; do echo $1 line $i; i=$((i+1)); done"
    script = f"f() {{ {lines}; }}; (f first; while ! test -e {gate}; do sleep 0.05; done; f last) | tee {copy}"
    return f"stages:\n- talk: '{script}'\n"


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
        with builder_at(balancer.url, a, folder, "one"):
            a.deliver("push", repository.push_payload())
            number = begun_run(a, repository)["id"]
            assert begun_run(b, repository)["id"] == number  # b asks a
            check_views(b, number)
            found = {one["name"]: one["seen"] for one in b.post("doctor", status=200)["findings"]}
            assert (found["hubs"], found["builders"]) == ("2 hubs there", "1 builder there")
            assert found["storage"].startswith("put, read, signed and deleted")
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


@pytest.mark.timeout(300)
def test_pushes_that_come_to_two_hubs_by_turns_are_understood_in_their_order(make: Make, common: Installation) -> None:
    """A balancer gives each webhook to another hub; numbers of builds still rise as the branch did."""
    repository = make({".hubwright.yml": "stages:\n- check: 'true'\n"})
    pushes = [repository.push({"turn": str(number)}) for number in range(40)]
    with common.hub("a") as a, common.hub("b") as b:
        for number, push in enumerate(pushes):
            (a, b)[number % 2].deliver("push", push)
        builds = until(lambda: len(found := b.builds(repository)) == len(pushes) and found, what="a build of each push")
    assert [one["sha"] for one in sorted(builds, key=lambda one: int(one["number"]))] == [
        push["after"] for push in pushes
    ]
