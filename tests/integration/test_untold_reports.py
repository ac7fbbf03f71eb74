"""What could not be told is seen, with the reason, and is told again when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from build_lives import Clock, Lives
from fake_github import FakeGitHub
from github_pace import unpaced
from hubwright.config import load_settings
from hubwright.domain.diagnosis import Verdict
from hubwright.errors import ConflictError, NotFoundError
from hubwright.github.client import GitHubClient
from hubwright.reports.relay import Relay
from hubwright.reports.statuses import StatusReporter
from hubwright.store.database import Database
from hubwright.store.report_troubles import count_given_up, load_troubles, load_troubles_of, send_again
from hubwright.store.schema import metadata, report
from hubwright.store.views import load_build
from hubwright.wiring.checks_database import check_reports
from seed import ADMIN, Seed, serving
from served import Served, served_site

BEARER = {"Authorization": "Bearer admin-secret"}


class Hub:
    """The part of a hub that tells GitHub statuses; commit `b…` is unknown there until it is pushed."""

    def __init__(self, database: Database, github: FakeGitHub, client: GitHubClient, clock: Clock) -> None:
        self.database, self.github, self.clock = database, github, clock
        self.lives = Lives(database, clock)
        self._relay = Relay(
            database, [StatusReporter(database, client, "https://ci.example.org")], "hub", clock, [].append
        )
        self._relay.enroll()

    def tell(self) -> float | None:
        self._relay.drain_facts()
        return self._relay.drain_reports()

    def close(self) -> None:
        self._relay.close()


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path / "github") as fake:
        yield fake


@pytest.fixture
def hub(database: Database, github: FakeGitHub) -> Iterator[Hub]:
    github.create_repository("octo/hello", {"a": "1"})
    clock = Clock()
    with GitHubClient(github.api_url, github.token, gate=unpaced(clock), clock=clock) as client:
        made = Hub(database, github, client, clock)
        yield made
        made.close()


def test_what_is_given_up_is_told_again_when_somebody_asks(hub: Hub) -> None:
    """The repository was away and came back; what is told then is how things stand then."""
    sha = str(hub.github.state.repositories["octo/hello"].head())
    away = hub.github.state.repositories.pop("octo/hello")
    build = hub.lives.build(sha)
    hub.tell()
    with hub.database.reading() as connection:
        (trouble,) = load_troubles(connection).items
        assert load_troubles_of(connection, load_build(connection, build)) == (trouble,)
        assert count_given_up(connection) == (1, trouble.reason)
    assert (trouble.reporter, trouble.target, trouble.given_up) == ("statuses", f"octo/hello@{sha}", True)
    assert "404" in trouble.reason
    hub.github.state.repositories["octo/hello"] = away
    hub.lives.live(build, 0)  # nobody is told: the relay has not looked yet
    hub.database.write(lambda connection: send_again(connection, trouble.id, hub.clock()))
    hub.tell()
    assert [one["state"] for one in hub.github.statuses(sha, "hubwright")] == ["success"]
    with hub.database.reading() as connection:
        assert load_troubles(connection).items == ()


def test_what_is_told_later_stands_for_what_was_given_up(hub: Hub) -> None:
    """A state that was told by now needs nobody's look."""
    sha = str(hub.github.state.repositories["octo/hello"].head())
    build = hub.lives.build(sha)
    hub.github.fail_next(1, status=422)
    hub.tell()
    with hub.database.reading() as connection:
        assert count_given_up(connection)[0] == 1
    hub.lives.live(build, 0)
    hub.tell()
    with hub.database.reading() as connection:
        assert count_given_up(connection) == (0, None)
        assert set(connection.execute(select(report.c.state)).scalars()) == {"done"}


def test_what_is_tried_again_is_told_with_the_time(hub: Hub) -> None:
    sha = str(hub.github.state.repositories["octo/hello"].head())
    hub.github.down()
    hub.lives.build(sha)
    due = hub.tell()
    hub.github.up()
    with hub.database.reading() as connection:
        (trouble,) = load_troubles(connection, given_up=False).items
        assert load_troubles(connection, given_up=True).items == ()
    assert not trouble.given_up
    assert trouble.next_try_at == pytest.approx(due, abs=1e-5)
    with pytest.raises(ConflictError):
        hub.database.write(lambda connection: send_again(connection, trouble.id, hub.clock()))
    with pytest.raises(NotFoundError):
        hub.database.write(lambda connection: send_again(connection, 999, hub.clock()))


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Served]:
    with served_site(tmp_path) as served:
        served.rows.keep_job()
        yield served


def keep_given_up(served: Served, count: int) -> None:
    """Builds of which GitHub refused to hear."""
    for number in range(1, count + 1):
        served.rows.keep_build(number, state="finished", result="success", finished_at=1.0)
        row = {"reporter": "statuses", "target": f"team/app@{number:040x}", "fact_id": number, "body": {}}
        more = {"state": "failed", "error": f"GitHub answered 422: reason {number}.", "next_try_at": 1.0}
        served.rows.keep(report, row | more | {"attempts": 1, "finished_at": 2.0})
    served.rows.keep(metadata.tables["reporter"], {"name": "statuses", "cursor": 0})


def test_the_api_lists_them_and_tells_again(asked: Served) -> None:
    keep_given_up(asked, 3)
    page = asked.get("/api/v1/reports?state=given_up&limit=2", headers=BEARER)
    assert [one["reason"] for one in page["items"]] == [
        "GitHub answered 422: reason 3.", "GitHub answered 422: reason 2.",
    ]  # fmt: skip
    rest = asked.get(f"/api/v1/reports?limit=2&cursor={page['next']}", headers=BEARER)
    assert ([one["target"] for one in rest["items"]], rest["next"]) == ([f"team/app@{1:040x}"], None)
    assert asked.get("/api/v1/reports?state=delayed", headers=BEARER)["items"] == []
    (of_build,) = asked.get("/api/v1/builds/2/reports")["items"]
    assert (of_build["state"], of_build["reports"]) == ("given_up", 1)
    answer = asked.client.post(f"/api/v1/reports/{of_build['id']}/again", headers=BEARER)
    assert (answer.status_code, answer.json()["target"]) == (202, f"team/app@{2:040x}")
    assert asked.client.post(f"/api/v1/reports/{of_build['id']}/again", headers=BEARER).status_code == 409
    answer = asked.client.post("/api/v1/builds/1/reports/again", headers=BEARER)
    assert (answer.status_code, answer.json()) == (202, {"build": 1, "reports": 1})
    assert len(asked.get("/api/v1/reports?state=given_up", headers=BEARER)["items"]) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/reports"), ("POST", "/api/v1/reports/1/again"), ("POST", "/api/v1/builds/1/reports/again")],
)
def test_who_may_only_read_tells_nothing_and_sees_no_names(asked: Served, method: str, path: str) -> None:
    keep_given_up(asked, 1)
    assert asked.client.request(method, path).status_code in {401, 403}
    assert len(asked.get("/api/v1/reports", headers=BEARER)["items"]) == 1


def test_the_builds_page_says_why_and_has_a_button(tmp_path: Path) -> None:
    seed = Seed(tmp_path)
    build = seed.build(seed.job("octo/engine", "octo/engine"), 1, 60, sha="a" * 40)
    row = {"reporter": "statuses", "target": f"octo/engine@{'a' * 40}", "fact_id": 1, "body": {}, "state": "failed"}
    seed.add("report", **row, error="No commit found <b>", next_try_at=1.0, finished_at=2.0)
    seed.add("reporter", name="statuses", cursor=0)
    seed.close()
    allowed = {"Authorization": f"Bearer {ADMIN}"}
    with serving(tmp_path) as (address, site):
        with httpx2.Client(base_url=address, headers={"Accept": "text/html"}) as client:
            page = client.get(f"/builds/{build}").text
            assert "No commit found &lt;b&gt;" in page
            assert "Tell again" not in page
            assert "Tell again" in client.get(f"/builds/{build}", headers=allowed).text
            assert client.post(f"/builds/{build}/tell", headers=allowed).status_code == 303
            assert "No commit found" in client.get(f"/builds/{build}").text  # it is under way
        with site.database.reading() as connection:
            assert count_given_up(connection) == (0, None)


def test_the_doctor_counts_them(tmp_path: Path) -> None:
    settings = load_settings({"data_dir": str(tmp_path)}, None, {})
    assert check_reports(settings).seen == "there are none yet"
    with served_site(tmp_path) as served:
        served.rows.keep_job()
        keep_given_up(served, 2)
        settings = load_settings({"database_url": f"sqlite:///{tmp_path}/hubwright.db"}, None, {})
        found = check_reports(settings)
    assert (found.verdict, found.seen) == (
        Verdict.WARN,
        "2 reports given up, the newest: GitHub answered 422: reason 2.",
    )
