"""Webhooks at GitHub, installed, compared and removed through the API and the pages, against the fake GitHub."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from fake_github import FakeGitHub
from fake_repository import FakeRepository
from github_pace import unpaced
from hubwright.domain.github_hooks import EVENTS, ORGANIZATION_EVENTS
from hubwright.github.client import GitHubClient
from hubwright.hub.github_credentials import Credentials
from hubwright.hub.github_hooks import GitHubHooks
from hubwright.store.schema import gh_hook, github_credential, job
from hubwright.web.api.github_hooks import HookDoors
from hubwright.web.app import Doors
from hubwright.web.assets import Assets
from hubwright.web.gate import Gate
from hubwright.web.hooks import Hooks
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.repositories import RepositoryPages
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.site import Site
from served import KEYS, NOW, make_site, serve

ADMIN = {"Authorization": "Bearer admin-secret"}


@dataclass
class Door:
    site: Site
    github: FakeGitHub
    repository: FakeRepository
    client: httpx2.Client
    credentials: Credentials

    def hook(self, method: str = "GET", status: int = 200, more: str = "") -> Any:
        answer = self.client.request(method, f"/api/v1/hooks/octo/hello{more}")
        assert answer.status_code == status, answer.text
        return answer.json()

    def organization_hook(self, method: str = "GET", status: int = 200, more: str = "") -> Any:
        answer = self.client.request(method, f"/api/v1/hooks/octo{more}")
        assert answer.status_code == status, answer.text
        return answer.json()

    def at_github(self) -> dict[str, Any]:
        (found,) = self.github.state.hooks
        return found


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with make_site(tmp_path) as bare, FakeGitHub() as github:
        credentials = Credentials(bare.database, lambda: KEYS, bare.clock)
        site = replace(bare, credentials=credentials)
        repository = github.create_repository("octo/hello", {"README": "hi"})
        app, gate = FastAPI(exception_handlers=PROBLEM_HANDLERS), Gate(site)
        with (
            GitHubClient(github.api_url, github.token, gate=unpaced()) as client,
            serve(Doors(Hooks(site), app)) as url,
            httpx2.Client(base_url=url, timeout=30, headers=ADMIN) as asked,
        ):
            hooks = GitHubHooks(site.database, client, url, credentials.make_webhook_secret, site.clock)
            HookDoors(site, gate, hooks).make_router().add_to(app)
            app.router.routes.extend(RepositoryPages(Frame(site, gate, Assets()), hooks).routes())
            yield Door(site, github, repository, asked, credentials)


def test_a_hook_is_installed_compared_and_removed(door: Door) -> None:
    """It has the events that we read, JSON, a secret; its ping arrives and is believed."""
    assert door.hook()["state"] == "none"

    installed = door.hook("PUT")
    made = door.at_github()

    assert (installed["state"], installed["differences"]) == ("on", [])
    assert made["events"] == sorted(EVENTS)
    assert made["config"] == {
        "url": f"{door.client.base_url}/hooks/github".replace("//hooks", "/hooks"),
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": door.credentials.webhook_secrets[0],
    }
    assert installed["last_delivery"] == {"code": 202, "answer": "OK"}
    assert door.hook("DELETE")["state"] == "none"
    assert door.github.state.hooks == []


def test_a_second_install_mends_and_makes_no_second_hook(door: Door) -> None:
    """R: what people changed at GitHub is told first, then mended; the secret stays the same."""
    door.hook("PUT")
    secret = door.at_github()["config"]["secret"]
    door.at_github().update(active=False, events=["push"])
    door.at_github()["config"] = {"url": door.at_github()["config"]["url"], "content_type": "form"}

    told = door.hook()
    assert told["state"] == "off"
    assert len(told["differences"]) == 4
    assert door.hook("PUT")["state"] == "on"
    assert door.at_github()["config"]["secret"] == secret


def test_doubles_are_removed(door: Door) -> None:
    """Two hooks to one hub send everything twice."""
    door.hook("PUT")
    old = door.at_github() | {"id": 77, "config": {**door.at_github()["config"]}}
    old["config"]["url"] = old["config"]["url"].replace("/hooks/github", "/replication")
    door.github.state.hooks.append(old)
    assert door.hook()["doubles"] == [77]
    assert door.hook("PUT")["doubles"] == []
    assert len(door.github.state.hooks) == 1


def test_a_wrong_secret_shows_as_failing_deliveries(door: Door) -> None:
    """GitHub never shows a secret; that it is wrong is seen by what our side answers."""
    door.hook("PUT")
    door.at_github()["config"]["secret"] = "another one"
    door.hook("POST", 202, "/ping")
    told = door.hook()
    assert (told["state"], told["last_delivery"]["code"]) == ("failing", 401)
    door.hook("PUT")
    door.hook("POST", 202, "/ping")
    assert door.hook()["state"] == "on"


def test_the_secret_is_nowhere_but_sealed(door: Door) -> None:
    """Not in the copy of GitHub, not in an answer, not in its row as text."""
    told = door.hook("PUT")
    secret = door.credentials.webhook_secrets[0]
    with door.site.database.reading() as connection:
        rows = [tuple(row) for table in (gh_hook, github_credential) for row in connection.execute(select(table))]
    assert len(rows) == 2
    assert secret not in f"{rows} {told}"


def test_a_token_without_the_right_is_told_what_it_lacks(door: Door) -> None:
    door.github.state.weak_tokens.add(door.github.token)
    answer = door.client.get("/api/v1/hooks/octo/hello")
    assert answer.status_code == 502
    assert "admin:repo_hook" in answer.json()["detail"]


def test_a_hook_that_vanished_at_github_vanishes_here(door: Door) -> None:
    """The copy's row gets a tombstone, the list and the page say `none`."""
    door.hook("PUT")
    door.github.state.hooks.clear()
    assert door.hook()["state"] == "none"
    (listed,) = door.client.get("/api/v1/hooks").json()["items"]
    assert (listed["repository"], listed["state"]) == ("octo/hello", "none")


@pytest.mark.parametrize(("method", "more"), [("PUT", ""), ("DELETE", ""), ("POST", "/ping"), ("GET", "")])
def test_who_may_not_is_refused(door: Door, method: str, more: str) -> None:
    door.client.headers.pop("Authorization")
    assert door.client.request(method, f"/api/v1/hooks/octo/hello{more}").status_code == 401
    assert door.github.requests == []


@pytest.mark.parametrize("name", ["%2e%2e", "x" * 101, "a%0ab"])
def test_names_that_are_none_go_nowhere(door: Door, name: str) -> None:
    assert door.client.get(f"/api/v1/hooks/octo/{name}").status_code in {404, 422}
    assert door.github.requests == []


def test_the_pages_show_and_switch(door: Door) -> None:
    """System 4's page: on, off, and not yet loaded."""
    row = {"path": "octo/hello", "repository": "octo/hello", "settings": {}, "created_at": NOW}
    door.site.database.write(lambda connection: connection.execute(job.insert().values(**row)))
    assert "Not looked at yet" in door.client.get("/repositories").text
    own = {"Origin": str(door.client.base_url).rstrip("/")}

    shown = door.client.post("/repositories/octo/hello/on", headers=own, follow_redirects=True)
    assert shown.status_code == 200, shown.text
    assert "Switch off" in shown.text
    assert "pull_request_review_comment" in shown.text
    assert "On</span>" in door.client.get("/repositories").text
    door.client.post("/repositories/octo/hello/off", headers=own)
    assert door.github.state.hooks == []


def test_another_sites_page_switches_nothing(door: Door) -> None:
    """CSRF: a form elsewhere comes with our cookie and is refused."""
    text = asyncio.run(Gate(door.site).start_session("admin"))
    door.client.headers.pop("Authorization")
    door.client.cookies.set("hubwright_session", text)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
        answer = door.client.post("/repositories/octo/hello/on", headers=headers)
        assert answer.status_code == 403
    assert door.github.requests == []


def test_an_organizations_hook_is_installed_mended_and_removed(door: Door) -> None:
    """One hook for all repositories, with the events that only an organization's has."""
    assert door.organization_hook()["state"] == "none"
    installed = door.organization_hook("PUT")
    made = door.at_github()

    assert (installed["organization"], installed["state"], installed["differences"]) == ("octo", "on", [])
    assert (made["type"], made["events"]) == ("Organization", sorted(ORGANIZATION_EVENTS))
    assert made["config"]["secret"] == door.credentials.webhook_secrets[0]
    assert installed["last_delivery"] == {"code": 202, "answer": "OK"}
    made.update(active=False, events=["push", "org_block"])
    told = door.organization_hook()
    assert told["state"] == "off"
    assert "it sends org_block, which is not read" in told["differences"]
    door.organization_hook("PUT")
    door.organization_hook("POST", 202, "/ping")
    assert door.organization_hook()["state"] == "on"
    assert door.organization_hook("DELETE")["state"] == "none"
    assert door.github.state.hooks == []


def test_what_the_organizations_hook_covers_is_told_at_its_repositories(door: Door) -> None:
    """A second hook would send everything twice."""
    door.organization_hook("PUT")
    assert door.hook()["state"] == "none"
    (listed,) = door.client.get("/api/v1/hooks").json()["items"]
    assert (listed["state"], listed["organization_hook"]) == ("none", "on")
    assert "By the organization" in door.client.get("/repositories").text
    door.hook("PUT")
    assert "one of the two is enough" in door.client.get("/repositories/octo/hello/replication").text
    assert {hook["type"] for hook in door.github.state.hooks} == {"Organization", "Repository"}
    door.organization_hook("DELETE")
    assert [hook["type"] for hook in door.github.state.hooks] == ["Repository"]


def test_organizations_have_a_list_and_a_page_with_the_switch(door: Door) -> None:
    door.hook()  # the repository becomes known
    own = {"Origin": str(door.client.base_url).rstrip("/")}
    assert door.client.get("/organizations/octo").status_code == 404
    assert door.client.get("/api/v1/hooks?of=organizations").json()["items"] == []
    shown = door.client.post("/organizations/octo/on", headers=own, follow_redirects=True)
    assert shown.status_code == 200, shown.text
    assert "membership" in shown.text
    assert "/organizations/octo" in door.client.get("/repositories").text
    (listed,) = door.client.get("/api/v1/hooks?of=organizations").json()["items"]
    assert (listed["organization"], listed["state"]) == ("octo", "on")
    assert door.client.get("/api/v1/hooks?of=nothing").status_code == 422
    door.client.post("/organizations/octo/off", headers=own)
    assert door.github.state.hooks == []
    assert "none that sends here" in door.client.get("/organizations/octo").text


@pytest.mark.parametrize("weak", [True, False])
def test_of_an_organization_is_told_what_is_missing(door: Door, weak: bool) -> None:
    """No right, or no such organization: a user's account has none."""
    if weak:
        door.github.state.weak_tokens.add(door.github.token)
    answer = door.client.get("/api/v1/hooks/octo" if weak else "/api/v1/hooks/somebody")
    assert answer.status_code == 502
    assert ("admin:org_hook" if weak else "404") in answer.json()["detail"]


@pytest.mark.parametrize(("method", "more"), [("PUT", ""), ("DELETE", ""), ("POST", "/ping"), ("GET", "")])
def test_who_may_not_is_refused_at_organizations_too(door: Door, method: str, more: str) -> None:
    door.client.headers.pop("Authorization")
    assert door.client.request(method, f"/api/v1/hooks/octo{more}").status_code == 401
    assert door.client.post("/organizations/octo/on", headers={"Origin": "https://evil.example"}).status_code in {
        401,
        403,
    }
    assert door.github.requests == []
