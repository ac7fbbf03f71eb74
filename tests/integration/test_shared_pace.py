"""Writes keep their distance at GitHub's end, from whatever process and thread they come."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import paced_writer
from fake_github import FakeGitHub
from hubwright.domain.github_budget import Limits, Priority
from hubwright.errors import RateLimitedError
from hubwright.github.budget import MemoryGate
from hubwright.github.client import GitHubClient
from hubwright.github.credentials import make_credential
from hubwright.hub.github_sharing import DatabaseGate
from hubwright.store.database import Database

PROCESSES = 2


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        yield fake


def test_writes_of_several_processes_arrive_a_second_apart(
    github: FakeGitHub, database: Database, database_url: str
) -> None:
    """GitHub's own advice, and what it bans integrations for; measured where it counts, at GitHub's end.

    https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#pause-between-mutative-requests
    """
    sha = github.create_repository("octo/hello", {"a": "1"}).head()
    command = [sys.executable, paced_writer.__file__, database_url, github.api_url, github.token, f"octo/hello@{sha}"]
    started = [
        subprocess.Popen([*command, f"p{number}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(PROCESSES)
    ]
    try:
        for one in started:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in started:
            one.communicate("go\n", timeout=60)
    finally:
        for one in started:
            one.kill()
            one.wait()
    assert [one.returncode for one in started] == [0] * PROCESSES
    arrived = [one.at for one in github.requests if one.method == "POST"]
    assert len(arrived) == PROCESSES * paced_writer.THREADS * paced_writer.EACH
    assert min(later - earlier for earlier, later in pairwise(arrived)) >= 1


class Story:
    """A clock whose sleepers oversleep by what is planned, once each."""

    def __init__(self) -> None:
        self.now = time.time()
        self.oversleep: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + (self.oversleep.pop(0) if self.oversleep else 0.0)


def test_a_write_that_misses_its_turn_takes_another(github: FakeGitHub) -> None:
    """A process that was stopped for half a second would come too near to whoever has the next turn."""
    sha = str(github.create_repository("octo/hello", {"a": "1"}).head())
    story = Story()
    gate = MemoryGate(clock=story)
    with GitHubClient(github.api_url, github.token, gate=gate, clock=story, sleep=story.sleep) as client:
        client.post_status("octo", "hello", sha, "pending", "x")
        begun = story.now
        story.oversleep = [0.5]
        client.post_status("octo", "hello", sha, "success", "x")
        assert story.now - begun == pytest.approx(Limits().write_interval * 2)
        assert gate.look(make_credential(github.token).budget).wrote_at == story.now
        story.oversleep = [60.0] * 9  # for ever: it is told some time
        client.post_status("octo", "hello", sha, "success", "x")
    assert [one["state"] for one in github.statuses(sha)] == ["pending", "success", "success"]


def test_a_write_that_a_rename_leads_elsewhere_is_two_writes(github: FakeGitHub) -> None:
    sha = str(github.create_repository("octo/hello", {"a": "1"}).head())
    github.rename("octo/hello", "octo/goodbye")
    story = Story()
    gate = MemoryGate(clock=story)
    with GitHubClient(github.api_url, github.token, gate=gate, clock=story, sleep=story.sleep) as client:
        begun = story.now
        client.post_status("octo", "hello", sha, "success", "x")
    assert len(github.requests) == 2
    assert story.now - begun == pytest.approx(Limits().write_interval)


def test_a_bulk_load_leaves_the_room_to_builds(github: FakeGitHub, database: Database) -> None:
    """Two processes with one token: the load is sent away at the last fifth, the build's calls go on."""
    github.create_repository("octo/hello", {"a": "1"})
    with (
        GitHubClient(github.api_url, github.token, gate=DatabaseGate(database)) as load,
        GitHubClient(github.api_url, github.token, gate=DatabaseGate(database)) as build,
    ):
        github.state.used = 4100
        load.get("/repos/octo/hello", priority=Priority.BULK, remember=False)
        with pytest.raises(RateLimitedError, match="kept for builds"):
            load.get("/repos/octo/hello", priority=Priority.BULK, remember=False)
        for _ in range(3):
            assert build.get("/repos/octo/hello", remember=False).status == 200
