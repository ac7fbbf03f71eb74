"""The App that a hub makes for itself, and logging in with GitHub; each attack on the way there and back."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import orjson
import pytest
from sqlalchemy import create_engine, select

from fake_github import FakeGitHub
from fake_github_accounts import APP_NUMBER, agree_to_app, agree_to_login
from hub_process import HubProcess
from hubwright.store.schema import github_credential, token
from waiting import until

CALLBACK = "/login/github/callback"
REPOSITORY = "octo/hello"


@dataclass
class Yard:
    github: FakeGitHub
    hub: HubProcess

    def browser(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.hub.url, timeout=30, trust_env=False, verify=False)

    @contextmanager
    def admin(self) -> Iterator[httpx2.Client]:
        """A browser that has logged in with the admin token."""
        own, form = {"Origin": self.hub.url}, {"token": self.hub.settings["ADMIN_TOKEN"]}
        with self.browser() as browser:
            assert browser.post("/login", data=form, headers=own).status_code == 303
            yield browser

    def begin_app(self, browser: httpx2.Client) -> tuple[str, dict[str, Any], str]:
        """Press the button: where the form leads, its manifest, and the state."""
        page = browser.post("/github/app/new", data={"organization": ""}, headers={"Origin": self.hub.url})
        assert page.status_code == 200, page.text
        action = html.unescape(re.search(r'action="(http[^"]+)"', page.text)[1])  # type: ignore[index]
        manifest = html.unescape(re.search(r'name="manifest" value="([^"]+)"', page.text)[1])  # type: ignore[index]
        assert f"form-action 'self' {self.github.clone_base}" in page.headers["content-security-policy"]
        return action, orjson.loads(manifest), parse_qs(urlsplit(action).query)["state"][0]

    def be_app(self) -> None:
        """Have the hub be an App, unless it is one; tests may come in any order, and to any worker."""
        with self.admin() as browser:
            if f"(number {APP_NUMBER}" in browser.get("/github").text:
                return
            _, manifest, state = self.begin_app(browser)
            back = {"code": agree_to_app(self.github.state, manifest, ["octo"]), "state": state}
            assert browser.get("/github/app/created", params=back).headers["location"] == "/github"

    def be_nobody(self) -> None:
        """Have the hub be no App."""
        with self.admin() as browser:
            assert browser.post("/github/app/forget", headers={"Origin": self.hub.url}).status_code == 303

    def begin_login(self, browser: httpx2.Client, place: str = "/") -> dict[str, str]:
        """Go to GitHub's page; what its address asks for."""
        answer = browser.get("/login/github", params={"next": place})
        assert answer.status_code == 303, answer.text
        where = urlsplit(answer.headers["location"])
        assert f"{where.scheme}://{where.netloc}{where.path}" == f"{self.github.clone_base}/login/oauth/authorize"
        return {name: values[0] for name, values in parse_qs(where.query).items()}

    def log_in(self, browser: httpx2.Client, number: int, login: str, place: str = "/") -> httpx2.Response:
        asked = self.begin_login(browser, place)
        code = agree_to_login(self.github.state, number, login, asked)
        return browser.get(CALLBACK, params={"code": code, "state": asked["state"]})


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """A hub without any credential, and people with rights at its repository."""
    folder: Path = tmp_path_factory.mktemp("setup")
    with FakeGitHub(folder / "github") as github:
        github.create_repository(REPOSITORY, {"README": "hi"})
        permissions = {"ann": (11, "admin"), "bob": (12, "write"), "cyd": (13, "read"), "dan": (99, "admin")}
        github.state.permissions |= permissions
        settings = {
            "GITHUB__CLONE_BASE": github.clone_base,
            "GITHUB__API_URL": github.api_url,
            "GITHUB__WRITE_INTERVAL": "0.01",
            "GITHUB__WEBHOOK_SECRETS": "[]",
            "GITHUB__LOGIN_REPOSITORY": REPOSITORY,
        }
        with HubProcess(folder, ("up", "--no-demo", "--no-builder"), settings=settings) as hub:
            yield Yard(github, hub)


def test_a_state_that_is_not_this_browsers_makes_no_app(yard: Yard) -> None:
    """Another's code in our hub would have us be the attacker's App."""
    yard.be_nobody()
    with yard.admin() as browser, yard.admin() as other:
        _, manifest, state = yard.begin_app(browser)
        code = agree_to_app(yard.github.state, manifest, ["octo"])
        for asked in ({"code": code}, {"code": code, "state": "x"}, {"code": code, "state": state + "x"}):
            assert browser.get("/github/app/created", params=asked).status_code == 403
        assert other.get("/github/app/created", params={"code": code, "state": state}).status_code == 403
    with yard.browser() as nobody:
        assert nobody.get("/github/app/created", params={"code": code, "state": state}).status_code == 401
    assert code in yard.github.state.made_apps


def test_another_sites_form_begins_nothing(yard: Yard) -> None:
    yard.be_nobody()
    with yard.admin() as browser:
        answer = browser.post("/github/app/new", data={"organization": ""}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403
        named = {"organization": "../../evil"}
        assert browser.post("/github/app/new", data=named, headers={"Origin": yard.hub.url}).status_code == 422


def test_the_app_is_made_and_used_without_a_restart(yard: Yard) -> None:
    """First page to working App: its keys sealed, its webhooks believed, GitHub asked as its installation."""
    yard.be_nobody()
    with yard.admin() as browser:
        action, manifest, state = yard.begin_app(browser)
        assert action.startswith(f"{yard.github.clone_base}/settings/apps/new?state=")
        assert manifest["hook_attributes"]["url"] == yard.hub.hook
        assert manifest["default_permissions"]["checks"] == "write"
        assert {"push", "check_run", "team", "merge_group"} <= set(manifest["default_events"])
        code = agree_to_app(yard.github.state, manifest, ["octo"])
        back = {"code": code, "state": state}

        assert browser.get("/github/app/created", params=back).headers["location"] == "/github"
        assert f"(number {APP_NUMBER}" in browser.get("/github").text
        assert browser.get("/github/app/created", params=back).status_code == 403  # once
        repository = yard.github.state.repositories[REPOSITORY]
        payload = repository.push({"Makefile": "all:\n\ttrue\n"})
        for secret, status in (("made-webhook-secret", 202), ("another", 401)):
            assert yard.github.deliver(yard.hub.hook, "push", payload, secret=secret)[0] == status
        until(lambda: yard.github.checks(payload["after"]), 20, "a check run of the new App")
    engine = create_engine(yard.hub.database_url)
    with engine.connect() as connection:
        (row,) = connection.execute(select(github_credential))
    engine.dispose()
    assert "PRIVATE KEY" not in f"{tuple(row)}"
    assert "made-" not in f"{tuple(row)}{yard.hub.said}"


def test_people_log_in_with_the_role_that_they_have_at_the_repository(yard: Yard) -> None:
    yard.be_app()
    with yard.browser() as browser:
        assert yard.log_in(browser, 11, "ann", "/jobs?after=x").headers["location"] == "/jobs?after=x"
        assert browser.get("/github").status_code == 200
    with yard.browser() as browser:
        assert yard.log_in(browser, 12, "bob").status_code == 303
        assert browser.get("/github").status_code == 403
        cookies = browser.cookies
        assert cookies.get("hubwright_session")
    for number, login in ((13, "cyd"), (14, "dan")):
        with yard.browser() as browser:  # anybody may read a public repository; and dan's name was another's
            assert yard.log_in(browser, number, login).status_code == 403
            assert not browser.cookies.get("hubwright_session")
    engine = create_engine(yard.hub.database_url)
    with engine.connect() as connection:
        query = select(token.c.user_id, token.c.name).where(token.c.user_id.is_not(None))
        assert {tuple(row) for row in connection.execute(query)} == {(11, "admin"), (12, "write")}
    engine.dispose()


def test_what_is_replayed_or_from_another_browser_logs_nobody_in(yard: Yard) -> None:
    """S35: login CSRF, a replayed state, a stolen code: PKCE, cookie and state each stop one."""
    yard.be_app()
    with yard.browser() as victim, yard.browser() as attacker:
        asked = yard.begin_login(attacker)
        code = agree_to_login(yard.github.state, 11, "ann", asked)
        stolen = {"code": code, "state": asked["state"]}
        assert victim.get(CALLBACK, params=stolen).status_code == 403
        own = yard.begin_login(victim)
        mixed = victim.get(CALLBACK, params={"code": code, "state": own["state"]})
        assert mixed.status_code == 403  # GitHub refuses the proof, which is another browser's
    with yard.browser() as browser:
        asked = yard.begin_login(browser)
        jar = dict(browser.cookies)
        back = {"code": agree_to_login(yard.github.state, 11, "ann", asked), "state": asked["state"]}
        assert browser.get(CALLBACK, params=back).status_code == 303
        for name, value in jar.items():
            browser.cookies.set(name, value)
        assert browser.get(CALLBACK, params=back).status_code == 403


def test_what_was_given_to_others_logs_nobody_in(yard: Yard) -> None:
    """S35: a token or a code that GitHub made for another program.

    Buildbot took any token of GitHub's that it was sent (CVE-2019-12300).
    """
    yard.be_app()
    with yard.browser() as browser:
        asked = yard.begin_login(browser)
        code = agree_to_login(yard.github.state, 11, "ann", asked | {"client_id": "Iv23of-somebody-else"})
        assert browser.get(CALLBACK, params={"code": code, "state": asked["state"]}).status_code == 403
    yard.github.state.tokens.add("gho_made_for_another_program")
    for name in ("token", "access_token", "code"):
        with yard.browser() as browser:
            asked = yard.begin_login(browser)
            given = {name: "gho_made_for_another_program", "state": asked["state"]}
            assert browser.get(CALLBACK, params=given).status_code in {403, 422}
            bearer = {"Authorization": "Bearer gho_made_for_another_program"}
            assert browser.get("/github", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    "place",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "",
        "/jobs\r\nX-Evil: 1",
        "/\n/evil.example",
        "evil.example",
        "/" + "a" * 1000,
    ],
)
def test_nobody_is_sent_to_another_site(yard: Yard, place: str) -> None:
    """S34: after logging in."""
    yard.be_app()
    with yard.browser() as browser:
        assert yard.log_in(browser, 11, "ann", place).headers["location"] == "/"


def test_the_app_can_be_forgotten(yard: Yard) -> None:
    """Its webhooks are then refused again, and GitHub is asked anonymously."""
    yard.be_app()
    with yard.admin() as browser:
        assert browser.post("/github/app/forget", headers={"Origin": yard.hub.url}).status_code == 303
        assert "Make a GitHub App" in browser.get("/github").text
    answer = httpx2.get(f"{yard.hub.url}/login/github", trust_env=False, verify=False)
    assert answer.status_code == 404
