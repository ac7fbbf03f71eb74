"""`POST /load/…` and `/tasks/status/{id}`: GitHub's addresses, every option, limits passed on, who may."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from github_items import issue, label
from hubwright.github.listings import LISTINGS, LOADS
from hubwright.hub.loads import LOADS as LOADS_QUEUE
from hubwright.web.gate import Gate
from hubwright.web.load import LoadDoors
from hubwright.web.problems import PROBLEM_HANDLERS
from load_parts import ISSUES, Yard, open_yard
from served import make_site, serve

ADMIN = {"Authorization": "Bearer admin-secret"}


@dataclass
class Door:
    yard: Yard
    client: httpx2.Client
    woken: list[str]

    def post(self, path: str, status: int = 202, **query: str) -> httpx2.Response:
        answer = self.client.post(f"/load{path}", params=query)
        assert answer.status_code == status, (path, answer.text)
        return answer

    def number(self, path: str, **query: str) -> int:
        return int(self.post(path, **query).json()["id"])

    def status(self, number: int) -> dict[str, Any]:
        return dict(self.client.get(f"/tasks/status/{number}").raise_for_status().json())


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with open_door(tmp_path) as opened:
        yield opened


@contextmanager
def open_door(folder: Path) -> Iterator[Door]:
    woken: list[str] = []
    with make_site(folder, wake=woken.append) as site, open_yard(site.database) as yard:
        site.clock.now = yard.clock()  # type: ignore[attr-defined]
        app = FastAPI(exception_handlers=PROBLEM_HANDLERS)
        LoadDoors(site, Gate(site), yard.replica, yard.client).make_router().add_to(app)
        with serve(app) as url, httpx2.Client(base_url=url, timeout=30, headers=ADMIN) as client:
            yield Door(yard, client, woken)


def test_a_load_is_accepted_and_its_state_told_to_the_end(door: Door) -> None:
    """System 4's status ended long before the pages did; here pages and sweep count."""
    door.yard.list_issues(250)

    answer = door.post("/repos/octo/hello/issues")
    number = answer.json()["id"]
    before = door.status(number)
    door.yard.finish(number)
    after = door.status(number)

    assert answer.headers["location"] == f"/tasks/status/{number}"
    assert door.woken == [LOADS_QUEUE]
    assert (before["state"], before["done"], before["total"], before["error"]) == ("queued", 0, 1, None)
    assert (after["state"], after["done"], after["total"], after["error"]) == ("done", 5, 5, None)
    assert after["status"] == "SUCCESS"
    assert after["told"]["items"] == 250


def test_the_same_load_is_joined_while_it_is_under_way(door: Door) -> None:
    """Instead of a lock that never ends: who asks again gets the load that there is, and a new one afterwards."""
    door.yard.list_issues(3)

    first, again = door.number("/repos/octo/hello/issues"), door.number("/repos/Octo/Hello/issues")
    other = door.number("/repos/octo/hello/issues", state="open")
    for number in (first, other):
        door.yard.finish(number)
    later = door.number("/repos/octo/hello/issues")

    assert first == again
    assert len({first, other, later}) == 3


def test_inline_answers_when_it_is_there(door: Door) -> None:
    door.yard.list_issues(120)

    answer = door.post("/repos/octo/hello/issues", 200, inline="true")

    assert answer.json()["message"] == "success"
    assert answer.json()["told"]["items"] == 120
    assert answer.headers["x-ratelimit-limit"] == str(door.yard.github.state.quota)
    assert int(answer.headers["x-ratelimit-remaining"]) < door.yard.github.state.quota
    assert int(answer.headers["x-ratelimit-reset"]) > 1_700_000_000


def test_inline_says_404_for_what_github_does_not_have(door: Door) -> None:
    door.yard.list_issues(1)

    answer = door.post("/repos/octo/hello/issues/99", 404, inline="1")

    assert answer.headers["content-type"] == "application/problem+json"
    assert "GitHub answered 404" in answer.json()["detail"]


def test_children_are_always_queued(door: Door) -> None:
    """As in system 4: what may take an hour is no answer to one request."""
    assert door.post("/repos/octo/hello", inline="1", children="1").status_code == 202


def test_without_a_value_an_option_says_yes(door: Door) -> None:
    door.yard.list_issues(1)

    assert door.client.post("/load/repos/octo/hello/issues?inline").status_code == 200
    assert door.client.post("/load/repos/octo/hello/issues?inline=0").status_code == 202


def test_a_used_up_limit_is_503_with_the_time_to_come_back(door: Door) -> None:
    """GitHub's own words are passed on, and nothing is asked in vain: the second time it is known."""
    door.yard.list_issues(1)
    door.yard.github.limit_next(reset_in=1800)

    answer = door.post("/repos/octo/hello/issues", 503, inline="1")
    known = door.post("/repos/octo/hello/labels", 503)

    for each in (answer, known):  # the hub's clock stands still since the test began
        assert 1700 < int(each.headers["retry-after"]) < 1900
    assert len(door.yard.github.requests) == 1


def test_the_limit_is_passed_on_when_it_is_known(door: Door) -> None:
    door.yard.list_issues(1)
    door.post("/repos/octo/hello/issues", 200, inline="1")

    answer = door.post("/repos/octo/hello/issues")

    assert answer.headers["x-ratelimit-limit"] == str(door.yard.github.state.quota)


def test_state_and_since_reach_github(door: Door) -> None:
    door.yard.list_issues(1)

    door.post("/repos/octo/hello/issues", 200, inline="1", state="closed")
    door.post("/repos/octo/hello/issues", 200, inline="1", since="2026-02-01T00:00:00Z")

    assert "state=closed" in door.yard.asked()[0]
    assert "since=2026-02-01T00%3A00%3A00Z" in door.yard.asked()[-1]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/repos/octo/hello/issues", {"state": "ajar"}),
        ("/repos/octo/hello/issues", {"since": "yesterday"}),
        ("/repos/octo/hello/issues", {"type": "owner"}),
        ("/user/octo/repos", {"type": "mine"}),
        ("/repos/octo/..", {}),
        ("/repos/octo/a%00b", {}),
        ("/repos/octo/" + "x" * 301, {}),
    ],
)
def test_what_has_no_meaning_is_refused(door: Door, path: str, query: dict[str, str]) -> None:
    """S-cases: names from outside are data, and an option that does nothing would mislead."""
    url = httpx2.URL(str(door.client.base_url).rstrip("/") + "/load" + path.replace("/..", "/%2e%2e"))

    assert door.client.post(url, params=query).status_code in {404, 422}
    assert door.yard.github.requests == []


def test_only_who_may_write_may_load(door: Door) -> None:
    """A load spends GitHub's limit; a status is for every reader."""
    with httpx2.Client(base_url=door.client.base_url) as anybody:
        assert anybody.post("/load/repos/octo/hello").status_code == 401
        assert anybody.get("/tasks/status/1").status_code == 404


def test_no_such_load(door: Door) -> None:
    assert door.client.get("/tasks/status/4711").status_code == 404
    assert door.client.get(f"/tasks/status/{2**70}").status_code in {404, 422}


def test_lists_tell_loads_and_scans(door: Door) -> None:
    """What `hubwright replica status` shows."""
    door.yard.list_issues(7)
    door.post("/repos/octo/hello/issues", 200, inline="1")

    loads = door.client.get("/api/v1/loads").json()["items"]
    (scan,) = door.client.get("/api/v1/scans", params={"repo": "Octo/Hello"}).json()["items"]

    assert [one["load"] for one in loads] == ["octo/hello: issues"]
    assert (scan["listing"], scan["scope"], scan["items"], scan["pages"]) == ("issues", "octo/hello", 7, 1)
    assert door.client.get("/api/v1/scans", params={"repo": "no/body"}).json()["items"] == []


@pytest.mark.parametrize("place", LOADS)
def test_every_address_has_a_door(door: Door, place: str) -> None:
    """The contract's routes, and every other address that the one table of listings knows."""
    filled = re.sub(r"\{(number|id)\}", "7", place)
    path = re.sub(r"\{\w+\}", "x", filled)

    assert door.status(door.number(path))["state"] == "queued"


def test_the_contracts_addresses_are_there() -> None:
    repository = "hooks hooks/{id} issues issues/{number} labels labels/{name} milestones milestones/{number} pulls"
    repository += " pulls/{number} pulls/{number}/files branches commits comments reviews releases collaborators"
    wanted = {f"/repos/{{owner}}/{{repo}}/{place}" for place in repository.split()}
    wanted |= {"/user/{user}/repos", "/user/repos", "/repos/{owner}/{repo}"}
    wanted |= {"/orgs/{org}", "/orgs/{org}/members", "/orgs/{org}/teams"}

    assert wanted <= LOADS.keys()


def test_the_table_of_listings_is_sound() -> None:
    """Whatever it names is in it, and what hangs below something gets all that its address needs."""
    for listing in LISTINGS.values():
        assert {*listing.below, *listing.under, *filter(None, [listing.single])} <= LISTINGS.keys()
        known = {*listing.parameters, *listing.gives}
        for above in listing.under:
            known |= {*LISTINGS[above].gives}
        assert {*listing.scope} <= known
        for below in listing.below:
            assert {*LISTINGS[below].parameters} <= known
        if listing.single is not None:
            assert {*LISTINGS[listing.single].parameters} <= {*listing.parameters, *listing.single_by}


def test_a_single_record_is_loaded_by_its_name(door: Door) -> None:
    """A label's name may have a slash."""
    door.yard.github.put_at("/repos/octo/hello/labels/kind/bug", label(1, "kind/bug"))
    door.yard.github.list_at(ISSUES, [issue(5)], by="number")

    assert door.post("/repos/octo/hello/labels/kind%2Fbug", 200, inline="1").json()["told"]["items"] == 1
    assert door.post("/repos/octo/hello/issues/5", 200, inline="1").json()["told"]["items"] == 1
