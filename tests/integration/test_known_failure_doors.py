"""Known failures where people meet them: build page, problems, statuses, pages of their own, API and command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from build_lives import Clock, Lives
from command_line import Done, run
from hubwright.hub import moves
from hubwright.hub.known_failures import Tail
from hubwright.reports.check_texts import Details, form_check
from hubwright.reports.statuses import load_sayings
from hubwright.store import schema
from hubwright.store.views_failures import load_failures_of_runs
from hubwright.web.gate import Gate
from hubwright.web.pages import make_pages
from hubwright.wire import Result as ResultMessage
from served import Rows, make_app, make_site, make_wishes, serve

ADMIN = {"Authorization": "Bearer admin-secret"}
RECIPE = "platforms: [linux, freebsd]\nstages:\n  - test: make check\n"
HOSTILE = "<script>alert(1)</script>"
LOG = f"error: no tail {HOSTILE} \x1b[31m\n".encode()
DAY = 86_400.0


class Door:
    """A served hub with builds that fail on freebsd."""

    def __init__(self, client: httpx2.Client, lives: Lives, url: str) -> None:
        self.client, self.lives, self.url = client, lives, url

    def fail(self, sha: str) -> int:
        """A build that is green on linux and fails on freebsd, the day after the one before; its number."""
        build = self.lives.build(sha * 40, recipe=RECIPE)
        linux, freebsd = self.lives.runs(build)
        self.lives.start(linux)
        self.lives.end(linux, 0)
        self.lives.start(freebsd)
        told: list[Any] = [
            ResultMessage(run=freebsd, lease=1, seq=1, at=1.0, stage=0, result="failure", exit_code=1, log=len(LOG)),
            ResultMessage(run=freebsd, lease=1, seq=2, at=1.0, result="failure", log=len(LOG)),
        ]
        items = [moves.Told("anvil", one, self.lives.clock(), Tail(0, LOG)) for one in told]
        self.lives.database.write(lambda connection: moves.apply_messages(connection, items))
        self.lives.clock.now += DAY
        return build

    def cli(self, *arguments: str) -> Done:
        return run(None, "failures", *arguments, "--hub", self.url, more={"HUBWRIGHT_TOKEN": "admin-secret"})


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with make_site(tmp_path) as site, make_wishes(site, tmp_path) as wishes:
        gate = Gate(site)
        app = make_app(site, gate, wishes)
        app.router.routes.extend(make_pages(site, gate))
        with serve(app) as address, httpx2.Client(base_url=address) as client:
            yield Door(client, Lives(site.database, Clock()), address)


def test_what_failed_before_is_said_with_since_when_where_and_its_issue(door: Door) -> None:
    """On the build's page and in its problems; the title came from a log and stays text."""
    first = door.fail("a")
    assert "new failure" in door.client.get(f"/builds/{first}").text
    assert "first seen with this build" in door.client.get(f"/builds/{first}").text
    again = door.fail("b")
    answer = door.client.put("/api/v1/known-failures/1/issue", headers=ADMIN, json={"issue": "#123"})
    assert (answer.status_code, answer.json()["issue"]) == (200, "octo/hello#123")
    page = door.client.get(f"/builds/{again}").text
    assert "known failure</span>" in page
    assert "seen 2 times since 2027-01-15, on freebsd only" in page
    assert "https://github.com/octo/hello/issues/123" in page
    assert HOSTILE not in page
    problems = door.client.get(f"/api/v1/builds/{again}/problems").json()
    (told,) = problems["known"]
    assert told["words"] == "seen 2 times since 2027-01-15, on freebsd only, linked to octo/hello#123"
    assert (told["times"], told["platform"], told["platforms"][0]["times"]) == (2, "freebsd", 2)
    text = door.client.get(f"/api/v1/builds/{again}/problems", headers={"Accept": "text/plain"}).text
    assert "Known failures:\n  error: no tail" in text
    assert "on freebsd only, linked to octo/hello#123 (known failure 1)" in text


def test_github_is_told_of_what_was_known_before_the_build_and_nothing_that_changes(door: Door) -> None:
    door.fail("a")
    door.fail("b")
    database = door.lives.database
    before = {saying.name: saying.words for saying in load_sayings(database, "octo/hello", "b" * 40)}
    name = "hubwright / octo/hello (freebsd)"
    assert before[name].startswith("known failure since 2027-01-15; stage test failed")
    assert "known" not in before["hubwright / octo/hello (linux)"]
    assert not load_sayings(database, "octo/hello", "a" * 40)[0].words.startswith("known")
    door.fail("c")
    assert before == {saying.name: saying.words for saying in load_sayings(database, "octo/hello", "b" * 40)}
    door.client.put("/api/v1/known-failures/1/issue", headers=ADMIN, json={"issue": "7"})
    saying = next(one for one in load_sayings(database, "octo/hello", "b" * 40) if one.name == name)
    assert saying.words.startswith("known failure since 2027-01-15 (octo/hello#7); ")
    assert saying.run is not None
    with database.reading() as connection:
        known = load_failures_of_runs(connection, [saying.run.id])[saying.run.id]
    text = form_check(saying, "b" * 40, "https://ci", Details(known=known)).text
    assert f"- `error: no tail {HOSTILE}`: [failure](https://ci/failures/1) " in text
    assert "`seen 3 times since 2027-01-15, on freebsd only`, linked to octo/hello#7" in text


def test_the_pages_list_show_and_link(door: Door) -> None:
    door.fail("a")
    build = door.fail("b")
    rows = Rows(door.lives.database)
    issue = {"id": 9, "repository_id": 5, "number": 7, "title": f"It fails {HOSTILE}", "state": "closed"}
    rows.keep(schema.gh_repository, {"id": 5, "name": "hello", "full_name": "octo/hello", "owner_login": "octo"})
    rows.keep(schema.gh_issue, issue)
    assert "error: no tail" in door.client.get("/failures?job=octo/hello&linked=false").text
    assert "No failure is like that" in door.client.get("/failures?linked=true").text
    assert door.client.get("/failures?job=no/such").status_code == 404
    answer = door.client.post("/failures/1/issue", headers=ADMIN, data={"issue": "octo/hello#7"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/failures/1")
    page = door.client.get("/failures/1", headers=ADMIN).text
    assert "https://github.com/octo/hello/issues/7" in page
    assert "It fails &lt;script&gt;" in page
    assert ">closed<" in page
    assert f'href="/builds/{build}/runs/' in page
    wrong = door.client.post("/failures/1/issue", headers=ADMIN, data={"issue": "javascript:alert(1)"})
    assert wrong.status_code == 422
    assert door.client.post("/failures/1/issue", headers=ADMIN, data={"issue": ""}).status_code == 303
    assert "No issue is linked" in door.client.get("/failures/1").text
    assert [door.client.get(f"/failures/{number}").status_code for number in (2, 10**25)] == [404, 404]


def test_the_command_line_lists_shows_links_and_unlinks(door: Door) -> None:
    door.fail("a")
    door.fail("b")
    listed = door.cli("ls")
    assert listed.returncode == 0
    assert "2 runs" in listed.stdout
    assert "no issue" in listed.stdout
    assert "\x1b" not in listed.stdout
    assert door.cli("link", "1", "#7").stderr == "Linked to octo/hello#7.\n"
    assert [one["issue"] for one in json.loads(door.cli("ls", "--linked", "--json").stdout)["items"]] == [
        "octo/hello#7"
    ]
    assert "linked to octo/hello#7 by" in door.cli("show", "1").stdout
    assert door.cli("unlink", "1").stderr == "Linked to no issue.\n"
    assert door.cli("ls", "--linked").stdout == ""
    assert door.cli("link", "1", "nonsense").returncode == 1
    assert door.cli("show", "99").returncode == 1
