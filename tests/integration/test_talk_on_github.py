"""The comment at a pull request and the issue of a broken branch, at a GitHub over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, update

from build_lives import Clock, Lives
from fake_github import FakeGitHub
from fake_github_state import Fault
from fake_repository import FakeRepository, user
from github_pace import unpaced
from hub_parts import open_desk, rows
from hubwright.domain.facts import Fact, FactKind
from hubwright.github.client import GitHubClient
from hubwright.reports import Reporter
from hubwright.reports.comments import MARK, CommentReporter
from hubwright.reports.issues import IssueReporter, form_mark
from hubwright.reports.relay import Relay
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts

URL = "https://ci.example.org"
JOB = "octo/hello"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """The database is the relay's concern, which is tested on both."""
    return sqlite_url


@pytest.fixture
def clock() -> Clock:
    return Clock(time.time())


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        yield fake


@pytest.fixture
def repository(github: FakeGitHub, database: Database, lives: Lives) -> FakeRepository:
    """Known to the copy of GitHub; main is its default branch."""
    made = github.create_repository(JOB, {"Makefile": "all:\n"})
    lives.job()
    row = {"id": made.id, "name": "hello", "full_name": JOB, "default_branch": "main"}
    database.write(lambda it: it.execute(insert(schema.gh_repository).values(row)))
    database.write(lambda it: it.execute(update(schema.job).values(repository_id=made.id)))
    return made


@pytest.fixture
def lives(database: Database, clock: Clock) -> Lives:
    return Lives(database, clock)


class Hub:
    """The part of a hub that talks, with the token of user `hubwright`."""

    def __init__(self, github: FakeGitHub, database: Database, clock: Clock) -> None:
        self.github, self.database, self.clock = github, database, clock
        self.reporters: list[Callable[[GitHubClient], Reporter]] = [
            lambda client: CommentReporter(database, client, URL, None, otherwise=True),
            lambda client: IssueReporter(database, client, URL, None, otherwise=True),
        ]
        self.begin()

    def begin(self) -> None:
        gate = unpaced(self.clock)
        self._client = GitHubClient(self.github.api_url, self.github.token, gate=gate, timeout=5, clock=self.clock)
        made = [make(self._client) for make in self.reporters]
        self._relay = Relay(self.database, made, f"hub-{id(made)}", self.clock, [].append)
        self._relay.enroll()

    def close(self) -> None:
        self._relay.close()
        self._client.close()

    def restart(self, *, forget: bool = False) -> None:
        self.close()
        if forget:
            self.database.write(lambda it: it.execute(delete(schema.report)))
        self.begin()

    def tell(self) -> float | None:
        self._relay.drain_facts()
        return self._relay.drain_reports()

    def tell_all(self) -> None:
        for _ in range(100):
            due = self.tell()
            if due is None:
                return
            self.clock.now = due
        raise AssertionError("the reports never end")


@pytest.fixture
def hub(github: FakeGitHub, repository: FakeRepository, database: Database, clock: Clock) -> Iterator[Hub]:
    made = Hub(github, database, clock)
    try:
        yield made
    finally:
        made.close()


class Pull:
    """Pull request 7 of branch `topic`, as the copy of GitHub has it."""

    def __init__(self, database: Database, repository: FakeRepository) -> None:
        self._database, self._repository = database, repository
        values = {"id": 70, "number": 7, "repository_id": repository.id, "state": "open", "head_ref": "topic"}
        database.write(lambda it: it.execute(insert(schema.gh_pull_request).values(values)))

    def push(self) -> str:
        """A new head."""
        sha = self._repository.commit({"f": str(time.monotonic_ns())}, "Topic", branch="topic")
        self._database.write(lambda it: it.execute(update(schema.gh_pull_request).values(head_sha=sha)))
        return sha

    def tell(self, sha: str) -> None:
        """GitHub has told of it."""
        data = {"repository": JOB, "number": 7, "action": "opened", "sha": sha, "sha7": sha[:7], "branch": "topic"}
        fact = Fact(kind=FactKind.PULL_REQUEST_CHANGED, at=1.0, data=data)
        self._database.write(lambda it: keep_facts(it, [fact]))


@pytest.fixture
def pull(database: Database, repository: FakeRepository) -> Pull:
    return Pull(database, repository)


def build(lives: Lives, sha: str, *, branch: str = "topic") -> int:
    """A build of a branch's commit."""
    number = lives.build(sha, ref=f"refs/heads/{branch}")
    lives.database.write(
        lambda it: it.execute(update(schema.build).where(schema.build.c.id == number).values(branch=branch))
    )
    with_branch(lives.database, branch)
    return number


def with_branch(database: Database, branch: str) -> None:
    """`Lives` wants commits without a branch; their facts have one at a hub."""

    def mend(connection: Connection) -> None:
        for row in connection.execute(schema.fact.select()).all():
            data = row.data | {"branch": branch}
            connection.execute(update(schema.fact).where(schema.fact.c.id == row.id).values(data=data))

    database.write(mend)


def bodies(github: FakeGitHub) -> list[str]:
    return [str(one["body"]) for one in github.state.comments]


def test_one_comment_is_edited_in_place(github: FakeGitHub, hub: Hub, lives: Lives, pull: Pull) -> None:
    """It comes when there is something to read, and follows the head from then on."""
    first = build(lives, sha := pull.push())
    hub.tell()
    assert bodies(github) == []
    (run,) = lives.runs(first)
    lives.start(run)
    lives.end(run, 0, 2, passed=3, failed=2)
    hub.tell()
    (text,) = bodies(github)
    assert text.startswith(MARK)
    assert sha in text
    assert "stage test failed: exit code 2" in text
    assert "`c.f0`" in text
    assert f"{URL}/builds/{first}" in text
    second = build(lives, sha := pull.push())
    hub.tell()
    (text,) = bodies(github)
    assert f"◌ {sha}: `queued`" in text
    lives.live(second, 0, 0)
    hub.tell()
    (text,) = bodies(github)
    assert f"**✓** {sha}" in text
    assert len(github.state.comments[0]["history"]) == 2


def test_a_pull_request_that_is_opened_after_its_build_is_told_too(
    github: FakeGitHub, hub: Hub, lives: Lives, database: Database, repository: FakeRepository
) -> None:
    sha = repository.commit({"f": "1"}, "Topic", branch="topic")
    lives.live(build(lives, sha), 0)
    hub.tell()
    assert bodies(github) == []
    pull = Pull(database, repository)
    database.write(lambda it: it.execute(update(schema.gh_pull_request).values(head_sha=sha)))
    pull.tell(sha)
    hub.tell()
    assert len(bodies(github)) == 1


def test_a_pull_request_that_moves_is_a_fact(database: Database, tmp_path: Path) -> None:
    """Its head may have been built before it was opened."""
    with open_desk(database, tmp_path) as desk:
        repository = desk.repository()
        repository.commit({"a": "1"})
        repository.commit({"a": "2"}, branch="topic")
        for action in ("opened", "labeled"):
            desk.deliver("pull_request", repository.pull_request_payload(7, "topic", action=action))
        desk.work()
        (fact,) = rows(database, schema.fact, kind=FactKind.PULL_REQUEST_CHANGED.value)
    assert (fact.data["repository"], fact.data["branch"], fact.data["number"]) == ("octo/hello", "topic", 7)


@pytest.mark.parametrize("forget", [False, True])
def test_there_is_never_a_second_comment(
    github: FakeGitHub, hub: Hub, lives: Lives, pull: Pull, *, forget: bool
) -> None:
    """Also when the memory is lost, or the answer was; what others wrote, with our mark or without, is left alone."""
    stranger = {"id": 1, "issue": 7, "repository": JOB, "history": [], "user": user("mallory"),
                "body": f"{MARK}\npassed", "performed_via_github_app": None}  # fmt: skip
    github.state.comments.append(stranger)
    number = build(lives, pull.push())
    lives.live(number, 0)
    hub.tell()
    hub.restart(forget=forget)
    lives.rerun(number)
    with_branch(lives.database, "topic")
    hub.tell()
    lives.live(number, 1)
    with_branch(lives.database, "topic")
    hub.tell()
    assert len(bodies(github)) == 2
    assert bodies(github)[0] == f"{MARK}\npassed"
    assert "failed" in bodies(github)[1]


def test_who_deletes_the_comment_does_not_want_it(github: FakeGitHub, hub: Hub, lives: Lives, pull: Pull) -> None:
    lives.live(build(lives, pull.push()), 0)
    hub.tell()
    github.state.comments.clear()
    for _ in range(2):
        lives.live(build(lives, pull.push()), 1)
        with_branch(lives.database, "topic")
        hub.tell()
    assert bodies(github) == []


@pytest.mark.parametrize("status", [403, 410])
def test_a_locked_pull_request_keeps_nobody_else_from_theirs(
    github: FakeGitHub, hub: Hub, lives: Lives, pull: Pull, repository: FakeRepository, status: int
) -> None:
    """Two have a branch of that name, one of them in a fork."""
    sha = pull.push()
    values = {"id": 80, "number": 8, "repository_id": repository.id, "state": "open", "head_ref": "topic"}
    hub.database.write(lambda it: it.execute(insert(schema.gh_pull_request).values(values | {"head_sha": sha})))
    github.fail_next(1, status=0)
    locked = "Unable to create comment because issue is locked."
    github.state.faults.append(Fault(status=status, body={"message": locked}))
    lives.live(build(lives, sha), 0)
    with_branch(lives.database, "topic")
    assert hub.tell() is None
    assert [one["issue"] for one in github.state.comments] == [7]


def test_text_from_outside_is_only_shown(github: FakeGitHub, hub: Hub, lives: Lives, pull: Pull) -> None:
    """Names as attack: no mention, no link, no table and no comment comes from a test's or a stage's detail."""
    number = build(lives, pull.push())
    (run,) = lives.runs(number)
    lives.start(run)
    lives.end(run, detail="@octocat `x` | ![](http://evil) <!-- \u202e")
    with_branch(lives.database, "topic")
    hub.tell()
    (text,) = bodies(github)
    assert "``" in text
    assert "¦ ![](http://evil) <!-- ⟨U+202E⟩" in text


def test_github_is_away_and_then_hears_the_newest(github: FakeGitHub, hub: Hub, lives: Lives, pull: Pull) -> None:
    """Coalesced: what was never said is not said late."""
    github.down()
    for code in (0, 1, 0):
        lives.live(build(lives, pull.push()), code)
        with_branch(lives.database, "topic")
        hub.tell()
        lives.clock.now += 3600
    github.up()
    hub.restart()
    hub.tell_all()
    (text,) = bodies(github)
    assert "✓" in text
    assert github.state.comments[0]["history"] == []


def on_main(lives: Lives, repository: FakeRepository, *exits: int, detail: str = "") -> str:
    """A push to main that is built and ends so."""
    sha = str(repository.push({"f": str(time.monotonic_ns())})["after"])
    (run,) = lives.runs(build(lives, sha, branch="main"))
    lives.start(run)
    lives.end(run, *exits, detail=detail)
    with_branch(lives.database, "main")
    return sha


def issues(github: FakeGitHub) -> list[tuple[str, str]]:
    return [(one["title"], one["state"]) for one in github.state.issues]


def test_an_issue_is_opened_on_failure_and_closed_when_fixed(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository
) -> None:
    """System 0's, once for each time that the branch breaks."""
    on_main(lives, repository, 0)
    hub.tell()
    assert issues(github) == []
    bad = on_main(lives, repository, 0, 2)
    hub.tell()
    on_main(lives, repository, 0, 2)
    hub.tell()
    assert issues(github) == [("octo/hello is broken on main", "open")]
    assert f"Since {bad}" in github.state.issues[0]["body"]
    good = on_main(lives, repository, 0, 0)
    hub.tell()
    assert issues(github) == [("octo/hello is broken on main", "closed")]
    assert f"Fixed with {good}" in github.state.issues[0]["body"]
    assert github.state.issues[0]["state_reason"] == "completed"
    on_main(lives, repository, 1)
    hub.tell()
    assert [state for _, state in issues(github)] == ["closed", "open"]


def test_our_faults_and_other_branches_are_no_issue(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository
) -> None:
    on_main(lives, repository, detail="The builder was lost")
    lives.live(build(lives, repository.commit({"f": "1"}, "Topic", branch="topic")), 1)
    with_branch(lives.database, "topic")
    hub.tell()
    assert issues(github) == []


@pytest.mark.parametrize("passed", [0, 1, 2])
def test_there_is_never_a_second_issue(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository, passed: int
) -> None:
    """R17: GitHub fails somewhere, the process is killed, its memory is lost: what was opened is found again."""
    on_main(lives, repository, 1)
    github.fail_next(passed, status=0)
    github.fail_next(1, status=502)
    hub.tell()
    github.state.faults.clear()
    hub.restart(forget=True)
    on_main(lives, repository, 1)
    hub.tell_all()
    assert issues(github) == [("octo/hello is broken on main", "open")]
    hub.restart(forget=True)
    on_main(lives, repository, 0)
    hub.tell_all()
    assert issues(github) == [("octo/hello is broken on main", "closed")]


def test_two_hubs_open_one_issue(github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository) -> None:
    """Both see the fact at the same time; one has the lease."""
    other = Hub(github, hub.database, hub.clock)
    try:
        for exits in ((1,), (0,), (1,)):
            on_main(lives, repository, *exits)
            threads = [threading.Thread(target=each.tell) for each in (hub, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            hub.tell_all()
    finally:
        other.close()
    assert [state for _, state in issues(github)] == ["closed", "open"]


def test_an_issue_that_people_closed_or_deleted_is_not_opened_again(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository
) -> None:
    """They know; the next one comes when the branch breaks anew."""
    on_main(lives, repository, 1)
    hub.tell()
    github.state.issues[0]["state"] = "closed"
    on_main(lives, repository, 1)
    hub.tell()
    assert len(issues(github)) == 1
    github.state.issues.clear()
    on_main(lives, repository, 0)
    assert hub.tell() is None
    on_main(lives, repository, 1)
    hub.tell()
    assert [state for _, state in issues(github)] == ["open"]


def test_a_mark_that_others_copied_is_not_ours(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository
) -> None:
    github.state.issues.append(
        {"number": 3, "state": "open", "title": "x", "body": form_mark(JOB), "repository": JOB, "user": user("mallory")}
    )
    on_main(lives, repository, 1)
    hub.tell()
    assert len(issues(github)) == 2
    on_main(lives, repository, 0)
    hub.tell()
    assert [state for _, state in issues(github)] == ["open", "closed"]


@pytest.mark.parametrize(("setting", "otherwise", "told"), [(None, False, 0), (True, False, 1), (False, True, 0)])
def test_a_jobs_own_setting_decides(
    github: FakeGitHub, hub: Hub, lives: Lives, repository: FakeRepository, pull: Pull,
    setting: bool | None, *, otherwise: bool, told: int,
) -> None:  # fmt: skip
    hub.close()
    hub.reporters = [
        lambda client: CommentReporter(hub.database, client, URL, None, otherwise=otherwise),
        lambda client: IssueReporter(hub.database, client, URL, None, otherwise=otherwise),
    ]
    hub.begin()
    settings: dict[str, Any] = {} if setting is None else {"comment": setting, "issue": setting}
    hub.database.write(lambda it: it.execute(update(schema.job).values(settings=settings)))
    on_main(lives, repository, 1)
    hub.tell()
    lives.live(build(lives, pull.push()), 1)
    with_branch(lives.database, "topic")
    hub.tell()
    assert (len(bodies(github)), len(issues(github))) == (told, told)
