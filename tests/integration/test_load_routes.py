"""Every load route of the contract with every option, on one table: what it asks GitHub for, what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from fake_repository import user
from hubwright.web.gate import Gate
from hubwright.web.load import LoadDoors
from hubwright.web.problems import PROBLEM_HANDLERS
from load_parts import Yard, make_whole, open_yard
from served import make_site, serve

ADMIN = {"Authorization": "Bearer admin-secret"}
HERE = "/repos/octo/hello"
ASKED = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}

ROUTES = {
    "/user/octo/repos": "gh_repository",
    "/user/repos": "gh_repository",
    HERE: "gh_repository",
    f"{HERE}/hooks": "gh_hook",
    f"{HERE}/hooks/31": "gh_hook",
    f"{HERE}/issues": "gh_issue",
    f"{HERE}/issues/5": "gh_issue",
    f"{HERE}/labels": "gh_label",
    f"{HERE}/labels/label-3": "gh_label",
    f"{HERE}/milestones": "gh_milestone",
    f"{HERE}/milestones/2": "gh_milestone",
    f"{HERE}/pulls": "gh_pull_request",
    f"{HERE}/pulls/1": "gh_pull_request",
    f"{HERE}/pulls/1/files": "gh_pull_request_file",
    f"{HERE}/branches": "gh_branch",
    f"{HERE}/commits": "gh_commit",
    f"{HERE}/comments": "gh_commit_comment",
    f"{HERE}/reviews": "gh_review",
    f"{HERE}/releases": "gh_release",
    f"{HERE}/collaborators": "gh_user_repository",
    "/orgs/octo": "gh_organization",
    "/orgs/octo/members": "gh_organization_member",
    "/orgs/octo/teams": "gh_team",
}
"""The contract's routes, and where what they load ends up."""

STATED = {f"{HERE}/{place}": f"{HERE}/{asked}?" for place, asked in
          (("issues", "issues"), ("pulls", "pulls"), ("milestones", "milestones"), ("reviews", "pulls"))}  # fmt: skip
SINGLE = [f"{HERE}/hooks/99", f"{HERE}/issues/999", f"{HERE}/labels/none", f"{HERE}/milestones/99", f"{HERE}/pulls/99",
          f"{HERE}/pulls/99/files", "/repos/octo/none", "/orgs/nobody", "/user/nobody/repos"]  # fmt: skip


@dataclass
class Door:
    yard: Yard
    client: httpx2.Client

    def post(self, path: str, query: str = "") -> httpx2.Response:
        return self.client.post(f"/load{path}{query}")


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with make_site(tmp_path) as site, open_yard(site.database) as yard:
        site.clock.now = yard.clock()  # type: ignore[attr-defined]
        furnish(yard)
        app = FastAPI(exception_handlers=PROBLEM_HANDLERS)
        LoadDoors(site, Gate(site), yard.replica, yard.client).make_router().add_to(app)
        with serve(app) as url, httpx2.Client(base_url=url, timeout=30, headers=ADMIN) as client:
            yield Door(yard, client)


def furnish(yard: Yard) -> None:
    """Something at every address of the table."""
    make_whole(yard)
    github = yard.github
    repository = yard.repository.describe()
    github.list_at("/users/octo/repos", [repository])
    github.list_at("/user/repos", [repository | {"permissions": {"pull": True, "push": True}}])
    github.put_at("/users/octo", user("octo"))
    github.put_at("/orgs/octo", {"id": 900, "login": "octo", "description": None})
    github.list_at("/orgs/octo/members", [user("ada")], by="login", bare=True)
    github.list_at("/orgs/octo/teams", [{"id": 70, "slug": "core", "name": "Core"}], by="slug")
    github.list_at("/orgs/octo/teams/core/members", [user("ada")])
    hook = {"id": 31, "type": "Repository", "name": "web", "active": True, "events": ["push"], "config": {}}
    github.list_at(f"{HERE}/hooks", [hook], by="id")
    github.list_at(f"{HERE}/releases", [{"id": 41, "tag_name": "v1", "name": None, "draft": False}], by="id")
    github.list_at(f"{HERE}/comments", [{"id": 51, "body": "hm", "commit_id": "a" * 40, "user": user("ada")}], by="id")
    github.list_at(f"{HERE}/collaborators", [user("ada") | {"permissions": {"pull": True}}], by="login", bare=True)


def told(door: Door, answer: httpx2.Response) -> dict[str, Any]:
    return dict(door.client.get(answer.headers["location"]).raise_for_status().json())


def test_every_route_is_accepted_and_loads(door: Door) -> None:
    """202, where its state is told, and in the end rows; GitHub's limit is passed on once it is known."""
    door.post(HERE, "?inline")
    for path, table in ROUTES.items():
        answer = door.post(path)
        assert answer.status_code == 202, (path, answer.text)
        assert answer.headers["location"] == f"/tasks/status/{answer.json()['id']}"
        assert {*answer.headers} >= ASKED, path
        assert told(door, answer)["state"] == "queued"
        assert door.yard.finish(answer.json()["id"]).state == "done", path
        assert told(door, answer)["done"] == told(door, answer)["total"]
        assert door.yard.rows(table), path


def test_every_route_answers_inline(door: Door) -> None:
    """200 when it is there, 404 when GitHub does not have it; both with the limit."""
    for path, table in ROUTES.items():
        answer = door.post(path, "?inline")
        assert (answer.status_code, answer.json()["message"]) == (200, "success"), (path, answer.text)
        assert answer.json()["told"]["items"] > 0, path
        assert {*answer.headers} >= ASKED, path
        assert door.yard.rows(table), path
    for path in SINGLE:
        assert door.post(path, "?inline").status_code == 404, path


def test_every_route_takes_children(door: Door) -> None:
    """They are queued, also beside `inline`, and what hangs below comes with what was asked for."""
    for path in ROUTES:
        answer = door.post(path, "?children&inline")
        assert answer.status_code == 202, (path, answer.text)
        progress = door.yard.finish(answer.json()["id"])
        assert progress.state == "done", (path, progress)
    filled = {table for table in ROUTES.values() if door.yard.rows(table)}
    assert filled == {*ROUTES.values()}
    assert door.yard.rows("gh_team_member")


def test_state_reaches_github_and_deletes_nothing_of_the_other_state(door: Door) -> None:
    here = door.yard.github.state.listings.at
    for path, listing in ((f"{HERE}/issues", 3), (f"{HERE}/pulls", 0), (f"{HERE}/milestones", 1)):
        here[path].items[listing]["state"] = "closed"
    for path in STATED:
        door.post(path, "?inline")
    for path, place in STATED.items():
        for state in ("open", "closed", "all", "open"):
            answer = door.post(path, f"?inline&state={state}")
            assert (answer.status_code, answer.json()["told"]["vanished"]) == (200, 0), (path, state)
            assert f"state={state}" in door.yard.asked(place)[-1]
        assert door.post(path, "?state=ajar").status_code == 422
    for table in ("gh_issue", "gh_pull_request", "gh_milestone"):
        assert {row.state for row in door.yard.rows(table)} == {"open", "closed"}
        assert all(row.deleted_at is None for row in door.yard.rows(table))


def test_every_route_says_503_while_the_limit_is_used_up(door: Door) -> None:
    """The first is told by GitHub; after that it is known, and nobody asks in vain."""
    door.yard.github.limit_next(reset_in=1800)
    assert door.post(f"{HERE}/issues", "?inline").status_code == 503
    count = len(door.yard.github.requests)

    for path in ROUTES:
        for query in ("", "?inline", "?children"):
            answer = door.post(path, query)
            assert answer.status_code == 503, (path, query)
            assert 1600 < int(answer.headers["retry-after"]) < 1900
            assert answer.headers["content-type"] == "application/problem+json"
    assert len(door.yard.github.requests) == count
