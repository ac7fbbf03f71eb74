"""A build's life as GitHub's page of the commit shows it: real database, real HTTP, GitHub in every mood."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from build_lives import Clock, Lives
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from github_pace import unpaced
from hubwright.github.client import GitHubClient
from hubwright.reports.courier import LEASE
from hubwright.reports.relay import Relay
from hubwright.reports.statuses import StatusReporter
from hubwright.store import report_leases
from hubwright.store.database import Database

RUN = "hubwright / octo/hello (linux)"
TWO_PLATFORMS = "platforms: [debian, freebsd]\nstages:\n  - build: make\n  - test: make check\n"
LIFE = ["pending", "pending", "success"]


@pytest.fixture
def clock() -> Clock:
    """The fake GitHub tells the true time in its headers, so the story begins now."""
    return Clock(time.time())


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        yield fake


@pytest.fixture
def repository(github: FakeGitHub) -> FakeRepository:
    return github.create_repository("octo/hello", {"Makefile": "all:\n"})


@pytest.fixture
def sha(repository: FakeRepository) -> str:
    return str(repository.head())


@pytest.fixture
def lives(database: Database, clock: Clock) -> Lives:
    return Lives(database, clock)


class Hub:
    """The part of a hub that reports; `restart` leaves only what the database holds."""

    def __init__(self, github: FakeGitHub, database: Database, clock: Clock) -> None:
        self._github, self._database, self._clock = github, database, clock
        self._begin()

    def _begin(self) -> None:
        self._client = GitHubClient(
            self._github.api_url, self._github.token, gate=unpaced(self._clock), timeout=5, clock=self._clock
        )
        reporter = StatusReporter(self._database, self._client, "https://ci.example.org/")
        self._relay = Relay(self._database, [reporter], f"hub-{id(reporter)}", self._clock, [].append)
        self._relay.enroll()

    def close(self) -> None:
        self._relay.close()
        self._client.close()

    def restart(self) -> None:
        self.close()
        self._begin()

    def tell_facts(self) -> None:
        """Make reports of what has happened, without telling them."""
        self._relay.drain_facts()

    def tell(self) -> float | None:
        """Tell what can be told now; when there will be more."""
        self.tell_facts()
        return self._relay.drain_reports()

    def tell_all(self) -> float:
        """Tell everything, however long it takes; how long."""
        start = self._clock.now
        for _ in range(200):
            due = self.tell()
            if due is None:
                return self._clock.now - start
            assert due > self._clock.now
            self._clock.now = due
        raise AssertionError("the reports never end")


@pytest.fixture
def hub(github: FakeGitHub, repository: FakeRepository, database: Database, clock: Clock) -> Iterator[Hub]:
    made = Hub(github, database, clock)
    try:
        yield made
    finally:
        made.close()


def states(github: FakeGitHub, sha: str, context: str) -> list[str]:
    return [status["state"] for status in github.statuses(sha, context)]


def assert_no_doubles(github: FakeGitHub, sha: str) -> None:
    """Of each context, no status says the same as the one before."""
    last: dict[str, tuple[str, str]] = {}
    for status in github.statuses(sha):
        words = (status["state"], status["description"])
        assert last.get(status["context"]) != words
        last[status["context"]] = words


def live_and_tell(hub: Hub, lives: Lives, sha: str) -> None:
    """A build from push to green, told step by step."""
    build = lives.build(sha)
    hub.tell()
    (run,) = lives.runs(build)
    lives.start(run)
    hub.tell()
    lives.clock.now += 40
    lives.end(run, 0, 0, passed=25)
    hub.tell()


def test_a_life_from_push_to_green(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    live_and_tell(hub, lives, sha)
    told = [(s["context"], s["state"], s["description"], s["target_url"]) for s in github.statuses(sha)]
    url = "https://ci.example.org/builds/1"
    assert told == [
        ("hubwright", "pending", "queued", url),
        (RUN, "pending", "queued", url),
        ("hubwright", "pending", "running", url),
        (RUN, "pending", "running on builder anvil", url),
        (RUN, "success", "passed in 40 s: 25 tests", url),
        ("hubwright", "success", "passed in 40 s: 25 tests", url),
    ]


def test_two_platforms_one_red(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    build = lives.build(sha, recipe=TWO_PLATFORMS)
    debian, freebsd = lives.runs(build)
    for run in (debian, freebsd):
        lives.start(run)
    lives.end(debian, 0, 0)
    hub.tell()
    assert states(github, sha, "hubwright / octo/hello (debian)") == ["success"]
    assert states(github, sha, "hubwright") == ["pending"]
    lives.end(freebsd, 0, 2, passed=22, failed=3)
    hub.tell()
    assert states(github, sha, "hubwright / octo/hello (freebsd)") == ["pending", "failure"]
    assert github.statuses(sha, "hubwright")[-1]["description"] == (
        "freebsd: stage test failed: exit code 2 (3 of 25 tests failed)"
    )


def test_a_bad_recipe_is_told_with_its_first_problem(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    lives.build(sha, problem=".hubwright.yml:2:1: unknown key 'stagse': did you mean 'stages'?\n2 | stagse:")
    hub.tell()
    (only,) = github.statuses(sha)
    assert (only["context"], only["state"]) == ("hubwright", "failure")
    assert only["description"] == ".hubwright.yml:2:1: unknown key 'stagse': did you mean 'stages'?"


def test_a_superseded_build_that_is_cancelled(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository
) -> None:
    """R23: the old commit says cancelled, the new one its own result; also when the cancel came too late."""
    old, late, new = (repository.push({"f": name})["after"] for name in ("old", "late", "new"))
    builds = {sha: lives.build(sha) for sha in (old, late, new)}
    hub.tell()
    lives.live(builds[late], 0, 0)
    lives.cancel(builds[old], "superseded by a newer push")
    lives.live(builds[new], 0, 2)
    hub.tell()
    assert [states(github, sha, "hubwright")[-1] for sha in (old, late, new)] == ["error", "success", "failure"]
    assert github.statuses(old, RUN)[-1]["description"] == "cancelled: superseded by a newer push"


def test_a_rerun_is_pending_again(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """The roll-up goes back first, so that nobody merges meanwhile."""
    build = lives.build(sha)
    lives.live(build, 0, 2)
    hub.tell()
    lives.rerun(build)
    hub.tell()
    assert [s["context"] for s in github.statuses(sha)[-2:]] == ["hubwright", RUN]
    assert github.statuses(sha, RUN)[-1]["description"] == "queued again (attempt 2)"
    lives.live(build, 0, 0)
    hub.tell()
    assert states(github, sha, "hubwright") == ["failure", "pending", "success"]


def test_several_jobs_share_the_roll_up(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    first, second = lives.build(sha), lives.build(sha, job=lives.job(path="octo/docs"))
    lives.live(first, 0, 0)
    hub.tell()
    assert states(github, sha, "hubwright") == ["pending"]
    lives.live(second, 0, 1)
    hub.tell()
    assert states(github, sha, "hubwright") == ["pending", "failure"]
    assert states(github, sha, "hubwright / octo/docs (linux)") == ["pending", "failure"]


def test_plain_git_is_not_told_to_github(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    lives.live(lives.build(sha, job=lives.job(clone_url="https://git.example.org/hello.git")), 0, 0)
    assert hub.tell() is None
    assert github.requests == []


def test_many_steps_told_late_are_one_status_each(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """A later state of the commit supersedes what was not sent yet."""
    lives.live(lives.build(sha), 0, 0)
    hub.tell()
    assert [(s["context"], s["state"]) for s in github.statuses(sha)] == [(RUN, "success"), ("hubwright", "success")]


def test_a_github_that_is_away_hears_all_of_it_later(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """R17: complete, in order per context, none doubled; an outage costs at most a quarter of an hour more."""
    build = lives.build(sha)
    hub.tell()
    github.down()
    (run,) = lives.runs(build)
    lives.start(run)
    hub.tell()
    lives.end(run, 0, 0)
    away = lives.clock.now + 6 * 3600
    while lives.clock.now < away:
        due = hub.tell()
        assert due is not None
        lives.clock.now = due
    github.up()
    assert hub.tell_all() <= 900
    assert states(github, sha, RUN) == ["pending", "success"]
    assert states(github, sha, "hubwright") == ["pending", "success"]
    assert_no_doubles(github, sha)


@pytest.mark.parametrize(
    ("mood", "passed"),
    [("503", 0), ("500", 3), ("primary limit", 1), ("secondary limit", 3), ("limit without a time", 1)],
)
def test_a_moody_github_hears_all_of_it_in_order(
    github: FakeGitHub, hub: Hub, lives: Lives, sha: str, mood: str, passed: int
) -> None:
    """R17: the trouble may begin in the middle of a commit's statuses; what has arrived is not repeated."""
    if passed:
        github.fail_next(passed, status=0)
    match mood:
        case "503" | "500":
            github.fail_next(3, status=int(mood))
        case "primary limit":
            github.limit_next(2, reset_in=1800)
        case "secondary limit":
            github.fail_next(2, status=429, retry_after=90)
        case _:
            github.fail_next(2, status=403)
    live_and_tell(hub, lives, sha)
    hub.tell_all()
    for context in (RUN, "hubwright"):
        found = states(github, sha, context)
        assert found == LIFE[len(LIFE) - len(found) :]
    assert_no_doubles(github, sha)


def test_during_a_limit_nobody_asks(github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository) -> None:
    """R17: asking on may get the token banned; every commit waits for the same moment."""
    shas = [repository.push({"f": str(number)})["after"] for number in range(3)]
    github.fail_next(status=429, retry_after=300)
    lives.build(shas[0])
    due = hub.tell()
    assert due == pytest.approx(lives.clock.now + 300)
    for sha in shas[1:]:
        lives.build(sha)
        hub.tell()
    assert len(github.requests) == 1
    lives.clock.now = due
    assert hub.tell() is None
    assert [states(github, sha, "hubwright") for sha in shas] == [["pending"]] * 3


def test_a_restart_between_any_two_steps(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """R17: cursor, waiting reports and what was said are the database's; nothing is doubled, nothing is missing."""
    build = lives.build(sha)
    hub.tell()
    hub.restart()
    hub.tell()
    (run,) = lives.runs(build)
    lives.start(run)
    github.fail_next(status=503)
    hub.tell()
    hub.restart()
    hub.tell_all()
    lives.end(run, 0, 0)
    hub.restart()
    hub.tell_all()
    assert states(github, sha, RUN) == LIFE
    assert states(github, sha, "hubwright") == LIFE
    assert_no_doubles(github, sha)


def test_twenty_commits_do_not_wait_for_one(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository
) -> None:
    """buildbot#6950: one after another behind a failing one, statuses came hours late there."""
    shas = [repository.push({"f": str(number)})["after"] for number in range(20)]
    github.fail_next(status=502)
    builds = {sha: lives.build(sha) for sha in shas}
    due = hub.tell()
    told = [sha for sha in shas if states(github, sha, "hubwright") == ["pending"]]
    assert len(told) == 19
    assert due is not None
    for sha in told:
        lives.live(builds[sha], 0, 0)
    hub.tell()
    assert [states(github, sha, "hubwright") for sha in told] == [["pending", "success"]] * 19
    hub.tell_all()
    (last,) = set(shas) - set(told)
    assert states(github, last, "hubwright") == ["pending"]


def test_slow_answers_of_github_are_waited_for_side_by_side(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository
) -> None:
    """R17: 16 statuses that take 0.5 s each cost two waits of 8 commits, not eight seconds."""
    shas = [repository.push({"f": str(number)})["after"] for number in range(8)]
    for sha in shas:
        lives.build(sha)
    github.fail_next(16, status=0, latency=0.5)
    start = time.monotonic()
    assert hub.tell() is None
    assert time.monotonic() - start < 7.5
    assert [states(github, sha, RUN) for sha in shas] == [["pending"]] * 8


@pytest.mark.parametrize("trouble", ["unknown commit", "repository gone"])
def test_what_github_refuses_is_given_up(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository, trouble: str
) -> None:
    """A force push may have taken the commit away; nobody asks for it again, the others go on."""
    if trouble == "repository gone":
        github.remove("octo/hello")
    lives.build("b" * 40)
    assert hub.tell() is None
    assert len(github.requests) == 1
    assert github.statuses("b" * 40) == []


def test_a_wrong_token_is_waited_out(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    github.state.tokens.clear()
    github.state.tokens.add("another")
    lives.live(lives.build(sha), 0, 0)
    assert hub.tell() is not None
    github.state.tokens.add(github.token)
    hub.tell_all()
    assert states(github, sha, "hubwright") == ["success"]


def test_a_renamed_repository_still_hears(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """A build that began under the old name ends under the new one."""
    build = lives.build(sha)
    hub.tell()
    github.rename("octo/hello", "octo/goodbye")
    lives.live(build, 0, 0)
    hub.tell()
    assert states(github, sha, "hubwright") == ["pending", "success"]


@pytest.mark.parametrize(
    "loses", [RuntimeError("killed"), OperationalError("UPDATE", {}, sqlite3.OperationalError("disk I/O error"))]
)
def test_what_was_told_and_not_written_down_is_not_told_again(
    loses: Exception,
    github: FakeGitHub,
    hub: Hub,
    lives: Lives,
    sha: str,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process is killed, or its database goes away, between GitHub's answer and the row that says so."""
    finish, left = report_leases.finish_reports, [loses]

    def lose(*args: Any) -> Any:
        if left:
            raise left.pop()
        return finish(*args)

    monkeypatch.setattr(report_leases, "finish_reports", lose)
    lives.build(sha)
    with suppress(RuntimeError):
        hub.tell()
    assert len(github.statuses(sha)) == 2
    assert left == []
    clock.now += LEASE + 1
    hub.restart()
    hub.tell_all()
    assert states(github, sha, RUN) == ["pending"]
    assert_no_doubles(github, sha)


def test_statuses_of_others_are_not_remembered(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """A status of the same name that leads elsewhere says nothing of what we have told."""
    github.fail_next(1, status=502)
    lives.build(sha)
    hub.tell()
    other = {
        "sha": sha,
        "context": "hubwright",
        "state": "pending",
        "description": "queued",
        "target_url": "https://x.example/builds/1",
    }
    github.state.statuses.append({**github.statuses(sha)[0], **other} if github.statuses(sha) else other)
    hub.tell_all()
    assert states(github, sha, "hubwright") == ["pending", "pending"]


def test_what_was_read_while_a_clock_was_an_hour_ahead_is_told_at_once(
    github: FakeGitHub, hub: Hub, lives: Lives, sha: str, clock: Clock
) -> None:
    """R15: whoever tells it may have another clock than the process that made reports of it."""
    lives.build(sha)
    clock.now += 3600
    hub.tell_facts()
    clock.now -= 3600
    assert hub.tell() is None
    assert states(github, sha, RUN) == ["pending"]
