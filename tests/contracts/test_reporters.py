"""What every reporter promises the relay (`reports.Reporter`), whatever it tells and to whom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, update

from build_lives import Clock, Lives
from fake_github import FakeGitHub
from fake_repository import FakeRepository
from github_pace import unpaced
from hubwright.domain.facts import Fact, FactKind
from hubwright.github.client import GitHubClient
from hubwright.reports import Reporter
from hubwright.reports.checks import CheckReporter
from hubwright.reports.comments import CommentReporter
from hubwright.reports.issues import IssueReporter
from hubwright.reports.statuses import StatusReporter
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.reports import load_facts

URL = "https://ci.example.org"
APP_ID = "4711"
APP_TOKEN = f"ghs_{APP_ID}_{'x' * 40}"

MAKERS: dict[str, Callable[[Database, GitHubClient], Reporter]] = {
    "statuses": lambda database, client: StatusReporter(database, client, URL),
    "checks": lambda database, client: CheckReporter(database, client, URL, APP_ID),
    "comments": lambda database, client: CommentReporter(database, client, URL, None, otherwise=True),
    "issues": lambda database, client: IssueReporter(database, client, URL, None, otherwise=True),
    "comments of an App": lambda database, client: CommentReporter(database, client, URL, APP_ID, otherwise=True),
    "issues of an App": lambda database, client: IssueReporter(database, client, URL, APP_ID, otherwise=True),
}


@pytest.fixture(params=MAKERS)
def reporter(
    request: pytest.FixtureRequest, database: Database, github: FakeGitHub, clock: Clock
) -> Iterator[Reporter]:
    by_app = request.param == "checks" or request.param.endswith("App")
    token = APP_TOKEN if by_app else github.token
    with GitHubClient(github.api_url, token, gate=unpaced(clock), clock=clock) as client:
        yield MAKERS[request.param](database, client)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        fake.install_app(APP_ID, "", ["octo"])
        fake.state.tokens.add(APP_TOKEN)
        yield fake


@pytest.fixture
def facts(database: Database, github: FakeGitHub, clock: Clock) -> list[Fact]:
    """The facts of a build from queue to red: of the default branch, whose head is a pull request's too."""
    repository = github.create_repository("octo/hello", {"a": "1"})
    lives = Lives(database, clock)
    lives.live(lives.build(str(repository.head())), 0, 1)
    database.write(lambda connection: put_on_main(connection, repository))
    with database.reading() as connection:
        found = [fact for _, fact in load_facts(connection, 0, 100) if fact is not None]
    return [replace(fact, data=fact.data | {"branch": "main"}) for fact in found]


def put_on_main(connection: Connection, repository: FakeRepository) -> None:
    """What a webhook tells besides: the branch, the default branch, a pull request."""
    about = {"id": repository.id, "name": "hello", "full_name": "octo/hello", "default_branch": "main"}
    pull = {"id": 70, "number": 7, "repository_id": repository.id, "state": "open", "head_ref": "main"}
    connection.execute(insert(schema.gh_repository).values(about))
    connection.execute(insert(schema.gh_pull_request).values(pull | {"head_sha": repository.head()}))
    connection.execute(update(schema.job).values(repository_id=repository.id))
    connection.execute(update(schema.build).values(branch="main"))


class TestReporter:
    """Every reporter."""

    def test_its_name_can_be_kept(self, reporter: Reporter) -> None:
        assert 0 < len(reporter.name) <= 40

    def test_the_same_fact_makes_the_same_reports(self, reporter: Reporter, facts: list[Fact]) -> None:
        """They are kept once however often a fact is read, and as JSON."""
        for fact in facts:
            made = reporter.read_reports(fact)
            assert made == reporter.read_reports(fact)
            assert [json.loads(json.dumps(report.body)) for report in made] == [report.body for report in made]
            assert len({report.target for report in made}) == len(made)

    def test_no_fact_makes_it_stumble(self, reporter: Reporter) -> None:
        """A fact may come from an older or newer version, and all its text from outside."""
        for data in ({}, {"repository": None, "sha": 7}, {"repository": "", "sha": "\x00" * 50}):
            for kind in FactKind:
                reporter.read_reports(Fact(kind=kind, at=0.0, data=data))

    def test_sending_again_does_no_harm(self, reporter: Reporter, facts: list[Fact], github: FakeGitHub) -> None:
        """At least once: with its memory it says nothing twice, without it the outcome is the same."""
        made = [report for fact in facts for report in reporter.read_reports(fact)]
        for target in {report.target for report in made}:
            bodies = [report.body for report in made if report.target == target]
            said: dict[str, object] = {}
            reporter.send(target, bodies, said)
            requests = len(github.requests)
            said = json.loads(json.dumps(said))
            reporter.send(target, bodies, said)
            assert len(github.requests) == requests
            shown = _shown(github)
            reporter.send(target, bodies, {})
            assert _shown(github) == shown

    def test_a_target_that_nobody_knows_any_more_is_no_trouble(self, reporter: Reporter) -> None:
        """Its build may have been deleted while the report waited."""
        reporter.send("octo/gone@" + "c" * 40, [{}], {})

    def test_it_says_something(self, reporter: Reporter, facts: list[Fact], github: FakeGitHub) -> None:
        """So that the others prove something."""
        for fact in facts:
            for report in reporter.read_reports(fact):
                reporter.send(report.target, [report.body], {})
        assert _shown(github)


def _shown(github: FakeGitHub) -> dict[object, object]:
    """What people see at the end."""
    state = github.state
    statuses = {(one["sha"], one["context"]): (one["state"], one["description"]) for one in state.statuses}
    checks = {(one["head_sha"], one["name"]): (one["conclusion"], one["output"]["title"]) for one in state.check_runs}
    talk = {one["id"]: (one["body"], one.get("state")) for one in (*state.issues, *state.comments)}
    return {**statuses, **checks, **talk}
