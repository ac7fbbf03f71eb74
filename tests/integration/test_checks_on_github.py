"""A build's life as check runs of a GitHub App show it: real database, real HTTP, GitHub in every mood."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, update

from build_lives import Clock, Lives
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from github_pace import unpaced
from hubwright.domain.github_budget import Limits
from hubwright.github.budget import MemoryGate
from hubwright.github.client import GitHubClient
from hubwright.reports.checks import CheckReporter
from hubwright.reports.relay import Relay
from hubwright.reports.statuses import StatusReporter
from hubwright.store.database import Database
from hubwright.store.schema import problem, report

APP_ID = "4711"
TOKEN = f"ghs_{APP_ID}_{'x' * 40}"
RUN = "hubwright / octo/hello (linux)"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The database is the relay's concern, which is tested on both."""
    return sqlite_url


@pytest.fixture
def clock() -> Clock:
    """The fake GitHub tells the true time in its headers, so the story begins now."""
    return Clock(time.time())


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        fake.install_app(APP_ID, "", ["octo"])
        fake.state.tokens.add(TOKEN)
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
    """The part of a hub that reports as an App; `restart` leaves only what the database holds."""

    def __init__(self, github: FakeGitHub, database: Database, clock: Clock) -> None:
        self._github, self._database, self._clock = github, database, clock
        self.begin()

    def begin(self, gate: MemoryGate | None = None) -> None:
        gate = gate or unpaced(self._clock)
        self._client = GitHubClient(self._github.api_url, TOKEN, gate=gate, timeout=5, clock=self._clock)
        reporter = CheckReporter(self._database, self._client, "https://ci.example.org/", APP_ID)
        self._relay = Relay(self._database, [reporter], f"hub-{id(reporter)}", self._clock, [].append)
        self._relay.enroll()

    def close(self) -> None:
        self._relay.close()
        self._client.close()

    def restart(self) -> None:
        self.close()
        self.begin()

    def tell(self) -> float | None:
        self._relay.drain_facts()
        return self._relay.drain_reports()

    def tell_all(self) -> None:
        for _ in range(200):
            due = self.tell()
            if due is None:
                return
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


def only(github: FakeGitHub, sha: str, name: str) -> dict[str, Any]:
    (found,) = github.checks(sha, name)
    return found


def stands(github: FakeGitHub, sha: str) -> dict[str, tuple[str, str | None]]:
    """The newest check run of each name."""
    return {check["name"]: (check["status"], check["conclusion"]) for check in github.checks(sha)}


def keep_problems(database: Database, run: int, count: int, **values: Any) -> None:
    row = {"run_id": run, "position": 1, "severity": "error", "message": "expected ';'", "file": "src/a.c",
           "col": 3, "code": "E1", "matcher": "gcc", **values}  # fmt: skip
    found = [row | {"line": number + 1} for number in range(count)]
    database.write(lambda connection: connection.execute(insert(problem), found))


def forget(connection: Connection) -> None:
    """What a process remembered that was killed while it was sending."""
    connection.execute(update(report).values(body={"body": {}}))


def requests(github: FakeGitHub, method: str) -> int:
    return len([one for one in github.requests if one.method == method])


def test_a_life_from_push_to_green(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """One check run for the platform, one for the commit; both go from queued to success, and lead to the build."""
    build = lives.build(sha)
    hub.tell()
    (run,) = lives.runs(build)
    lives.start(run)
    hub.tell()
    lives.end(run, 0, 0, passed=25)
    hub.tell()
    for name in (RUN, "hubwright"):
        check = only(github, sha, name)
        assert [status for status, _, _ in check["history"]] == ["queued", "in_progress", "completed"]
        assert (check["conclusion"], check["details_url"]) == ("success", f"https://ci.example.org/builds/{build}")
        assert check["actions"] == []
    assert only(github, sha, RUN)["output"]["title"] == "passed in 0.0 s: 25 tests"
    assert "25 tests" in only(github, sha, RUN)["output"]["summary"]
    assert only(github, sha, RUN)["external_id"] == f"run-{run}"


def test_the_roll_up_ends_last_and_begins_first(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """So that nobody merges in between."""
    lives.live(lives.build(sha), 0, 0)
    hub.tell()
    assert [check["name"] for check in github.checks(sha)] == [RUN, "hubwright"]
    lives.rerun(1)
    hub.tell()
    assert [check["name"] for check in github.checks(sha)[2:]] == ["hubwright", RUN]


@pytest.mark.parametrize("count", [1, 50, 51, 120, 501])
def test_problems_are_annotations_in_batches(
    github: FakeGitHub, hub: Hub, lives: Lives, database: Database, sha: str, count: int
) -> None:
    """GitHub refuses more than fifty in a request; what is beyond 500 is only counted."""
    build = lives.build(sha)
    hub.tell()
    (run,) = lives.runs(build)
    lives.start(run)
    keep_problems(database, run, count)
    lives.end(run, 0, 1)
    hub.tell_all()
    check = only(github, sha, RUN)
    assert (check["status"], check["conclusion"]) == ("completed", "failure")
    assert [one["start_line"] for one in check["annotations"]] == list(range(1, min(count, 500) + 1))
    assert check["annotations"][0] == {
        "path": "src/a.c", "start_line": 1, "end_line": 1, "start_column": 3, "end_column": 3,
        "annotation_level": "failure", "message": "expected ';'", "title": "E1",
    }  # fmt: skip
    assert ("1 problem more" in (check["output"]["text"] or "")) is (count > 500)
    assert [action["identifier"] for action in check["actions"]] == ["rerun_failed"]


def test_texts_of_any_length_and_kind_are_taken(
    github: FakeGitHub, hub: Hub, lives: Lives, database: Database, sha: str
) -> None:
    """GitHub counts bytes; letters of four of them, long lines and odd files must not cost the conclusion."""
    build = lives.build(sha)
    (run,) = lives.runs(build)
    lives.start(run)
    keep_problems(database, run, 60, message="\U0001f4a5" * 2000, code="x" * 100)
    keep_problems(database, run, 20, file="/usr/include/stdio.h", message="\U0001f4a5" * 2000)
    keep_problems(database, run, 1, file="../x.c")
    keep_problems(database, run, 1, file="./b.c", line=None, col=None)
    lives.end(run, 1)
    hub.tell_all()
    check = only(github, sha, RUN)
    assert check["conclusion"] == "failure"
    assert {one["path"] for one in check["annotations"]} == {"src/a.c", "b.c"}
    assert "/usr/include/stdio.h" in check["output"]["text"]


def test_annotations_that_github_refuses_do_not_cost_the_conclusion(
    github: FakeGitHub, hub: Hub, lives: Lives, database: Database, sha: str
) -> None:
    build = lives.build(sha)
    hub.tell()
    (run,) = lives.runs(build)
    lives.start(run)
    keep_problems(database, run, 3)
    hub.tell()
    lives.end(run, 1)
    github.fail_next(1, status=0)  # the look at the annotations
    github.fail_next(1, status=422)
    hub.tell_all()
    check = only(github, sha, RUN)
    assert (check["conclusion"], check["annotations"]) == ("failure", [])


def test_a_new_attempt_is_a_new_check_run(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """GitHub keeps a completed one as it is; people see the newest of a name, and the old annotations are gone."""
    build = lives.build(sha)
    lives.live(build, 0, 2)
    hub.tell()
    lives.rerun(build)
    hub.tell()
    assert stands(github, sha) == {RUN: ("queued", None), "hubwright": ("queued", None)}
    lives.live(build, 0, 0)
    hub.tell()
    assert [check["conclusion"] for check in github.checks(sha, RUN)] == ["failure", "success"]
    assert [check["conclusion"] for check in github.checks(sha, "hubwright")] == ["failure", "success"]


def test_an_attempt_that_was_never_told_leaves_nothing_open(
    github: FakeGitHub, hub: Hub, lives: Lives, sha: str
) -> None:
    """The check run of the lost attempt becomes that of the new one."""
    build = lives.build(sha)
    hub.tell()
    lives.live(build, 1)
    lives.rerun(build)
    lives.live(build, 0, 0)
    hub.tell()
    assert len(github.checks(sha)) == 2
    assert set(stands(github, sha).values()) == {("completed", "success")}


@pytest.mark.parametrize(
    ("exits", "detail", "conclusion"),
    [((0, 0), "", "success"), ((1,), "", "failure"), ((), "The builder was lost", "failure")],
)
def test_how_runs_end_in_githubs_words(
    github: FakeGitHub, hub: Hub, lives: Lives, sha: str, exits: tuple[int, ...], detail: str, conclusion: str
) -> None:
    (run,) = lives.runs(lives.build(sha))
    lives.start(run)
    lives.end(run, *exits, detail=detail)
    hub.tell()
    assert set(stands(github, sha).values()) == {("completed", conclusion)}


def test_superseded_and_force_pushed_commits_get_their_end(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository
) -> None:
    """R23: nothing stays pending for ever at a commit that nobody wants any more."""
    old, new = (repository.push({"f": name})["after"] for name in ("old", "new"))
    builds = {sha: lives.build(sha) for sha in (old, new)}
    hub.tell()
    repository.git("update-ref", "refs/heads/main", f"{old}^")
    lives.cancel(builds[old], "superseded by a newer push")
    lives.live(builds[new], 0, 0)
    hub.tell()
    assert set(stands(github, old).values()) == {("completed", "cancelled")}
    assert set(stands(github, new).values()) == {("completed", "success")}
    assert only(github, old, RUN)["output"]["title"] == "cancelled: superseded by a newer push"


@pytest.mark.parametrize(
    ("recipe", "problem", "conclusion"),
    [
        ("when: {event: tag}\nstages:\n  - build: make\n", "", "skipped"),
        ("stages:\n  - build: {run: make, when: {event: tag}}\n", "", "skipped"),
        ("stages:\n  - build: make\n", "unknown key 'stagse'", "failure"),
    ],
)
def test_a_required_check_is_concluded_also_without_a_run(
    github: FakeGitHub, hub: Hub, lives: Lives, sha: str, recipe: str, problem: str, conclusion: str
) -> None:
    """A branch protection that requires `hubwright` must never wait for what does not come."""
    lives.build(sha, recipe=recipe, problem=problem)
    hub.tell()
    assert stands(github, sha) == {"hubwright": ("completed", conclusion)}


def test_a_build_that_is_cancelled_before_it_has_runs_is_concluded(
    github: FakeGitHub, hub: Hub, lives: Lives, sha: str
) -> None:
    """Superseded while its repository was not there."""
    number = lives.build(sha, waits=True)
    hub.tell()
    assert stands(github, sha) == {"hubwright": ("queued", None)}
    lives.cancel(number, "superseded by a newer push")
    hub.tell()
    assert stands(github, sha) == {"hubwright": ("completed", "cancelled")}


@pytest.mark.parametrize("trouble", ["unknown commit", "repository gone"])
def test_what_is_gone_ends_in_a_clear_outcome(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository, trouble: str
) -> None:
    if trouble == "repository gone":
        github.remove("octo/hello")
    lives.build("b" * 40)
    assert hub.tell() is None
    assert github.state.check_runs == []


def test_an_answer_that_was_lost_makes_no_second_check_run(
    github: FakeGitHub, hub: Hub, lives: Lives, database: Database, sha: str
) -> None:
    """GitHub has made it, we never heard: before one is made it is looked for. Annotations are not doubled either."""
    build = lives.build(sha)
    (run,) = lives.runs(build)
    lives.start(run)
    keep_problems(database, run, 60)
    lives.end(run, 1)
    hub.tell_all()
    database.write(lambda connection: connection.execute(delete(report)))
    lives.rerun(build)
    lives.cancel(build, "enough")
    hub.restart()
    made = len(github.checks(sha))
    hub.tell_all()
    assert len(github.checks(sha)) == made + 2
    assert len(github.checks(sha, RUN)[0]["annotations"]) == 60


def test_a_process_that_is_killed_between_any_two_requests(
    github: FakeGitHub, hub: Hub, lives: Lives, database: Database, sha: str, clock: Clock
) -> None:
    """R17: whatever was said and not noted is found again at GitHub."""
    build = lives.build(sha)
    (run,) = lives.runs(build)
    lives.start(run)
    keep_problems(database, run, 170)
    lives.end(run, 1)
    for passed in range(1, 9):
        github.fail_next(passed, status=0)
        github.fail_next(1, status=502)
        hub.tell()
        github.state.faults.clear()
        hub.restart()
        clock.now += 1000
        database.write(forget)
    hub.tell_all()
    assert len(github.checks(sha)) == 2
    lines = [one["start_line"] for one in only(github, sha, RUN)["annotations"]]
    assert lines == list(range(1, 171))


def test_a_github_that_is_away_for_hours_hears_the_end(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    build = lives.build(sha)
    hub.tell()
    github.down()
    lives.live(build, 0, 0)
    away = lives.clock.now + 6 * 3600
    while lives.clock.now < away:
        due = hub.tell()
        assert due is not None
        lives.clock.now = due
    github.up()
    hub.tell_all()
    assert [status for status, _, _ in only(github, sha, RUN)["history"]] == ["queued", "completed"]
    assert set(stands(github, sha).values()) == {("completed", "success")}


@pytest.mark.parametrize("passed", range(5))
def test_a_limit_in_the_middle_of_annotations(
    github: FakeGitHub, hub: Hub, lives: Lives, database: Database, sha: str, passed: int
) -> None:
    """R17: nobody asks during the pause; then it goes on where it stopped, and nothing is doubled."""
    (run,) = lives.runs(lives.build(sha))
    lives.start(run)
    keep_problems(database, run, 130)
    lives.end(run, 1)
    github.fail_next(passed, status=0)
    github.fail_next(1, status=403, retry_after=120)
    due = hub.tell()
    asked = len(github.requests)
    assert due == pytest.approx(lives.clock.now + 120)
    hub.tell()
    assert len(github.requests) == asked
    hub.tell_all()
    assert len(only(github, sha, RUN)["annotations"]) == 130
    assert set(stands(github, sha).values()) == {("completed", "failure")}


def test_an_app_without_the_right_tells_statuses(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """It was made before there were check runs; the commit stays with what it began with."""
    github.state.may_write_checks = False
    build = lives.build(sha)
    hub.tell()
    assert [status["context"] for status in github.statuses(sha)] == ["hubwright", RUN]
    github.state.may_write_checks = True
    lives.live(build, 0, 0)
    hub.tell()
    assert github.statuses(sha, "hubwright")[-1]["state"] == "success"
    assert github.checks(sha) == []


def test_a_commit_that_began_with_statuses_ends_with_them(
    github: FakeGitHub, hub: Hub, lives: Lives, database: Database, clock: Clock, sha: str
) -> None:
    """The App came in between: a status that stays pending would hold back the merge for ever."""
    hub.close()
    build = lives.build(sha)
    with GitHubClient(github.api_url, github.token, gate=unpaced(clock), clock=clock) as client:
        relay = Relay(database, [StatusReporter(database, client, "https://ci.example.org")], "old", clock, [].append)
        relay.drain_facts()
        relay.drain_reports()
        (run,) = lives.runs(build)
        lives.start(run)
        relay.drain_facts()
        relay.close()
    hub.begin()
    lives.end(run, 0)
    hub.tell()
    assert [one["state"] for one in github.statuses(sha, "hubwright")] == ["pending", "success"]
    assert github.checks(sha) == []


def test_what_moves_on_while_github_is_waited_for_is_told_as_it_is(
    github: FakeGitHub, hub: Hub, lives: Lives, clock: Clock, sha: str
) -> None:
    """Coalesced: between two writes a second passes, in which a quick build may end; its middle is never told."""
    hub.close()
    hub.begin(MemoryGate(Limits(), clock))
    build = lives.build(sha)

    def sleep(seconds: float) -> None:
        clock.now += seconds
        if lives.runs(build) and not ended:
            ended.append(build)
            lives.live(build, 0, 0)

    ended: list[int] = []
    hub._client._sleep = sleep
    hub.tell_all()
    assert [status for status, _, _ in only(github, sha, RUN)["history"]] == ["completed"]
    assert [status for status, _, _ in only(github, sha, "hubwright")["history"]] == ["queued", "completed"]


def test_nothing_is_said_twice(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    lives.live(lives.build(sha), 0, 0)
    hub.tell()
    writes = requests(github, "POST") + requests(github, "PATCH")
    assert writes == 2
    hub.restart()
    hub.tell()
    assert requests(github, "POST") + requests(github, "PATCH") == writes


def test_writes_keep_their_distance(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository, clock: Clock
) -> None:
    """At least a second between any two, whoever writes; what GitHub is not asked yet is told as it then stands."""
    hub.close()
    hub.begin(MemoryGate(Limits(), clock))
    hub._client._sleep = lambda seconds: setattr(clock, "now", clock.now + seconds)
    shas = [repository.push({"f": str(number)})["after"] for number in range(3)]
    for each in shas:
        lives.live(lives.build(each), 0, 0)
    begun = clock.now
    hub.tell_all()
    assert clock.now - begun >= 5
    assert [set(stands(github, each).values()) for each in shas] == [{("completed", "success")}] * 3


def test_check_runs_of_others_are_left_alone(github: FakeGitHub, hub: Hub, lives: Lives, sha: str) -> None:
    """Another App may use any name."""
    github.state.check_runs.append(
        {"id": 1, "name": "hubwright", "head_sha": sha, "status": "queued", "conclusion": None, "external_id": "",
         "output": {}, "app": {"id": 15368, "client_id": "Iv1"}, "annotations": [], "history": []}
    )  # fmt: skip
    lives.live(lives.build(sha), 0, 0)
    hub.tell()
    assert [check["status"] for check in github.checks(sha, "hubwright")] == ["queued", "completed"]
