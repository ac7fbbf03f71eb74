"""What every reporter promises the relay (`reports.Reporter`), whatever it tells and to whom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from build_lives import Clock, Lives
from fake_github import FakeGitHub
from github_pace import unpaced
from hubwright.domain.facts import Fact, FactKind
from hubwright.github.client import GitHubClient
from hubwright.reports import Reporter
from hubwright.reports.statuses import StatusReporter
from hubwright.store.database import Database
from hubwright.store.reports import load_facts

MAKERS: dict[str, Callable[[Database, FakeGitHub, GitHubClient], Reporter]] = {
    "statuses": lambda database, _github, client: StatusReporter(database, client, "https://ci.example.org"),
}


@pytest.fixture(params=MAKERS)
def reporter(
    request: pytest.FixtureRequest, database: Database, github: FakeGitHub, clock: Clock
) -> Iterator[Reporter]:
    with GitHubClient(github.api_url, github.token, gate=unpaced(clock), clock=clock) as client:
        yield MAKERS[request.param](database, github, client)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        yield fake


@pytest.fixture
def facts(database: Database, github: FakeGitHub, clock: Clock) -> list[Fact]:
    """The facts of a build of a real commit, from queue to red."""
    lives = Lives(database, clock)
    lives.live(lives.build(str(github.create_repository("octo/hello", {"a": "1"}).head())), 0, 1)
    with database.reading() as connection:
        return [fact for _, fact in load_facts(connection, 0, 100) if fact is not None]


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


def _shown(github: FakeGitHub) -> dict[tuple[str, str], tuple[str, str]]:
    """What people see at the end."""
    return {
        (status["sha"], status["context"]): (status["state"], status["description"]) for status in github.state.statuses
    }
