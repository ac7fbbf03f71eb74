"""Whatever happens to builds, GitHub and our processes: each name's states come in order, and the last is true."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from build_lives import Clock, Lives
from fake_github import FakeGitHub
from hubwright.domain.github_budget import Limits
from hubwright.errors import ConflictError
from hubwright.github.budget import MemoryGate
from hubwright.github.client import GitHubClient
from hubwright.reports.check_texts import form_check
from hubwright.reports.checks import CheckReporter
from hubwright.reports.relay import Relay
from hubwright.reports.statuses import StatusReporter, form_statuses, load_sayings
from hubwright.store.database import Database
from hubwright.store.report_troubles import load_troubles, send_all_again
from hubwright.store.reports import load_commit_builds
from hubwright.store.schema import build, run
from tables import with_tables

APP_ID = "4711"
APP_TOKEN = f"ghs_{APP_ID}_{'x' * 40}"
URL = "https://ci.example.org"
UNKNOWN = "b" * 40
HUBS = 2

Step = tuple[str, int]
LIVES = st.tuples(st.sampled_from(["build", "start", "pass", "fail", "cancel", "rerun"]), st.integers(0, 5))
ELSE = st.tuples(st.sampled_from(["tell", "tell", "tell", "restart", "trouble", "later"]), st.integers(0, 5))
TROUBLES = (500, 502, 403, 429, 422, 401)


@dataclass
class Story:
    """Two hubs, a GitHub and commits: one that stays, one that a force push has taken from its branch, one gone."""

    github: FakeGitHub
    database: Database
    checks: bool
    commits: tuple[str, ...]
    repository: str
    meanwhile: list[Step] = field(default_factory=list)
    truth: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Clock(time.time())
        self.lives = Lives(self.database, self.clock, self.repository)
        self.gate = MemoryGate(Limits(), self.clock)
        self.lock = threading.Lock()
        self.hubs: list[tuple[GitHubClient, Relay]] = [self.begin(number) for number in range(HUBS)]

    def begin(self, number: int) -> tuple[GitHubClient, Relay]:
        token = APP_TOKEN if self.checks else self.github.token
        client = GitHubClient(self.github.api_url, token, gate=self.gate, timeout=5, clock=self.clock, sleep=self.sleep)
        reporter = (
            CheckReporter(self.database, client, URL, APP_ID)
            if self.checks
            else StatusReporter(self.database, client, URL)
        )
        relay = Relay(self.database, [reporter], f"hub-{number}", self.clock, [].append)
        relay.enroll()
        return client, relay

    def close(self) -> None:
        for client, relay in self.hubs:
            relay.close()
            client.close()

    def sleep(self, seconds: float) -> None:
        """Builds go on while a turn at GitHub is waited for."""
        with self.lock:
            self.clock.now += seconds
            if self.meanwhile:
                self.live(*self.meanwhile.pop())

    def take(self, name: str, which: int) -> None:
        if name == "tell":
            self.tell(which % HUBS)
        elif name == "restart":
            client, relay = self.hubs[which % HUBS]
            relay.close()
            client.close()
            self.hubs[which % HUBS] = self.begin(which % HUBS)
        elif name == "trouble":
            self.github.fail_next(which, status=0)
            self.github.fail_next(1, status=TROUBLES[which])
        elif name == "later":
            self.clock.now += 30.0 * which
        else:
            with self.lock:
                self.live(name, which)

    def live(self, name: str, which: int) -> None:
        """Something happens to a build, and it is noted what is true from then on."""
        if name == "build":
            self.lives.build(self.commits[which % len(self.commits)])
        elif name in {"start", "pass", "fail"}:
            found = self.rows(run, run.c.state == ("queued" if name == "start" else "running"), run.c.latest)
            if found and name == "start":
                self.lives.start(found[which % len(found)])
            elif found:
                self.lives.end(found[which % len(found)], 0 if name == "pass" else 1)
        else:
            found = self.rows(build)
            with suppress(ConflictError):
                if found:
                    getattr(self.lives, name)(found[which % len(found)], *(["enough"] if name == "cancel" else []))
        for sha in self.commits:
            for context, said in self.now_true(sha).items():
                told = self.truth.setdefault((sha, context), [])
                if not told or told[-1] != said:
                    told.append(said)

    def rows(self, table: Any, *conditions: Any) -> list[int]:
        with self.database.reading() as connection:
            return list(connection.execute(select(table.c.id).where(*conditions).order_by(table.c.id)).scalars())

    def now_true(self, sha: str) -> dict[str, Any]:
        if self.checks:
            sayings = [form_check(one, sha, URL) for one in load_sayings(self.database, self.repository, sha)]
            return {one.name: (one.status, one.conclusion, one.title) for one in sayings}
        with self.database.reading() as connection:
            found = form_statuses(load_commit_builds(connection, self.repository, sha), URL)
        return {one.context: (one.state, one.description) for one in found}

    def told(self, sha: str) -> dict[str, list[Any]]:
        """What GitHub was told, name by name, in order."""
        found: dict[str, list[Any]] = {}
        if self.checks:
            for check in self.github.checks(sha):
                found.setdefault(check["name"], []).extend(check["history"])
        else:
            for status in self.github.statuses(sha):
                found.setdefault(status["context"], []).append((status["state"], status["description"]))
        return found

    def tell(self, number: int) -> float | None:
        relay = self.hubs[number][1]
        relay.drain_facts()
        return relay.drain_reports()

    def tell_all(self) -> None:
        """All troubles are over, and what was given up is sent again."""
        self.github.state.faults.clear()
        for _ in range(60):
            due = self.tell(0)
            if due is None:
                return
            self.clock.now = max(self.clock.now + 1, due)
        raise AssertionError("the reports never end")

    def send_again(self) -> None:
        with self.database.reading() as connection:
            lost = [one for one in load_troubles(connection, given_up=True).items if UNKNOWN not in one.target]
        self.database.write(lambda connection: send_all_again(connection, lost, self.clock()))


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path_factory.mktemp("github")) as fake:
        fake.install_app(APP_ID, "", ["octo"])
        fake.state.tokens.add(APP_TOKEN)
        yield fake


def play(github: FakeGitHub, steps: list[Step], meanwhile: list[Step], *, checks: bool) -> None:
    """Tell the story to its end, and look at what GitHub holds."""
    name = f"octo/r{len(github.state.repositories)}"
    repository = github.create_repository(name, {"a": name})
    kept, forced = str(repository.head()), str(repository.push({"b": name})["after"])
    repository.git("update-ref", "refs/heads/main", kept)
    with TemporaryDirectory() as folder:
        database = Database(with_tables(f"sqlite:///{Path(folder)}/hubwright.db"))
        story = Story(github, database, checks, (kept, forced, UNKNOWN), name, list(meanwhile))
        try:
            for step in steps:
                story.take(*step)
            story.tell_all()
            story.send_again()
            story.tell_all()
            look(story)
        finally:
            story.close()
            database.close()
            github.state.faults.clear()


def look(story: Story) -> None:
    """The last is true, and what was told before was true once, in that order."""
    for sha in story.commits[:2]:
        told = story.told(sha)
        assert {name: states[-1] for name, states in told.items()} == story.now_true(sha)
        for name, states in told.items():
            assert is_within(states, story.truth[sha, name]), (states, story.truth[sha, name])
    assert story.told(UNKNOWN) == {}


def is_within(told: list[Any], truth: list[Any]) -> bool:
    """Whether all that was told was true once, in that order; the same may be told twice in a row."""
    later = iter(truth)
    return all(any(one == each for each in later) for at, one in enumerate(told) if at == 0 or told[at - 1] != one)


def begin(steps: list[Step]) -> list[Step]:
    """Without a build there is nothing to tell."""
    return [("build", 0), *steps]


@pytest.mark.parametrize("checks", [False, True])
@settings(max_examples=8, deadline=None)
@given(steps=st.lists(LIVES | ELSE, min_size=10, max_size=25).map(begin), meanwhile=st.lists(LIVES, max_size=6))
def test_states_come_in_order_and_the_last_is_true(
    github: FakeGitHub,
    checks: bool,
    steps: list[Step],
    meanwhile: list[Step],
) -> None:
    """R17, R23: superseded and force-pushed commits as well; one that GitHub does not know stops no other."""
    play(github, steps, meanwhile, checks=checks)
