"""Who the hub is to GitHub: a token that is entered, checked, used and forgotten; the hook of its App."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI
from sqlalchemy import select

import command_line
from fake_github import FakeGitHub
from hubwright.config import load_settings
from hubwright.domain.diagnosis import Verdict
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.github_budget import Budget, Figures
from hubwright.domain.github_hooks import ORGANIZATION_EVENTS
from hubwright.domain.github_tokens import MAX_TOKEN, find_lacks
from hubwright.hub.github_credentials import APP
from hubwright.reports import Reporter
from hubwright.reports.statuses import StatusReporter
from hubwright.store.figures import Tally
from hubwright.store.github_budget import change_budget
from hubwright.store.schema import gh_installation, github_credential
from hubwright.store.tokens import keep_token
from hubwright.web.api.identity import IdentityDoors
from hubwright.web.assets import Assets
from hubwright.web.attempts import Attempts
from hubwright.web.gate import Gate
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.github import GitHubPages
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.site import Site
from hubwright.wiring.checks_github import check_github, check_hooks, check_rights
from hubwright.wiring.checks_keys import check_secrets
from hubwright.wiring.github import GitHubAccess, make_app_hook, make_setup, open_github
from hubwright.wiring.reporters import Changing
from hubwright.wiring.secret_keys import open_vault
from served import NOW, Rows, make_site, serve

ADMIN = {"Authorization": "Bearer admin-secret"}
TOKEN = "ghp_entered4711entered4711"
ALL = "repo, admin:repo_hook, admin:org_hook, read:org"


@dataclass
class Door:
    site: Site
    github: FakeGitHub
    access: GitHubAccess
    client: httpx2.Client
    folder: Path

    def identity(self, method: str = "GET", status: int = 200, more: str = "", **sent: Any) -> Any:
        body = {"json": sent} if sent else {}
        answer = self.client.request(method, f"/api/v1/identity{more}", **body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def know(self, token: str, scopes: str | None, **headers: str) -> None:
        """Have GitHub know a token."""
        self.github.state.tokens.add(token)
        told = {} if scopes is None else {"x-oauth-scopes": scopes}
        self.github.state.token_headers[token] = told | headers


@contextmanager
def opened(folder: Path, **flags: str) -> Iterator[Door]:
    with ExitStack() as stack:
        bare = stack.enter_context(make_site(folder))
        github = stack.enter_context(FakeGitHub())
        github.create_repository("octo/hello", {"README": "hi"})
        named = {f"github.{name}": value for name, value in flags.items()}
        given = {"data_dir": str(folder), "github.api_url": github.api_url, **named}
        settings = load_settings(given, None, {})
        open_vault(settings)
        access = open_github(settings, bare.database, Tally())
        stack.callback(access.close)
        site = replace(bare, credentials=access.credentials)
        app, gate = FastAPI(exception_handlers=PROBLEM_HANDLERS), Gate(site)
        setup = make_setup(settings, access, lambda: None)
        url = stack.enter_context(serve(app))
        hook = make_app_hook(settings, access, f"{url}/hooks/github")
        IdentityDoors(gate, setup, hook).make_router().add_to(app)
        frame = Frame(site, gate, Assets())
        app.router.routes.extend(GitHubPages(frame, gate, setup, Attempts(), hook).routes())
        client = stack.enter_context(httpx2.Client(base_url=url, timeout=30, headers=ADMIN))
        yield Door(site, github, access, client, folder)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path) as found:
        yield found


def test_a_token_is_entered_used_and_forgotten(door: Door) -> None:
    """Without a restart; its row is sealed, and no answer or page has it."""
    door.know(TOKEN, ALL, **{"github-authentication-token-expiration": "2027-01-01 00:00:00 UTC"})
    assert (door.identity()["using"], door.access.is_known) == ("nobody", False)

    told = door.identity("PUT", 200, "/token", token=f"{TOKEN}\n")

    assert told["using"] == "token"
    assert told["token"] == {
        "login": "hubwright",
        "scopes": ["repo", "admin:repo_hook", "admin:org_hook", "read:org"],
        "ends": "2027-01-01 00:00:00 UTC",
        "lacks": [],
    }
    assert (door.access.is_known, door.access.token_of("octo")) == (True, TOKEN)
    door.access.client.get("/repos/octo/hello", owner="octo")
    assert door.github.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
    page = door.client.get("/github").text
    assert "In use" in page
    with door.site.database.reading() as connection:
        rows = [tuple(row) for row in connection.execute(select(github_credential))]
    assert TOKEN not in f"{rows}{page}{told}"
    assert door.identity("DELETE", 200, "/token")["using"] == "nobody"
    assert (door.access.is_known, door.access.token_of("octo")) == (False, None)


def test_the_first_page_takes_a_token_too(door: Door) -> None:
    own = {"Origin": str(door.client.base_url).rstrip("/")}
    door.know(TOKEN, "public_repo")
    assert "Use this token" in door.client.get("/github").text
    evil = door.client.post(
        "/github/token", data={"token": TOKEN}, headers={"Authorization": "", "Origin": "https://e"}
    )
    assert evil.status_code in {401, 403}
    assert door.client.post("/github/token", data={"token": TOKEN}, headers=own).status_code == 303
    page = door.client.get("/github").text
    assert "Private repositories can&#39;t be built or copied" in page
    assert door.client.post("/github/token/forget", headers=own).status_code == 303
    assert not door.access.is_known


@pytest.mark.parametrize(
    ("token", "part"),
    [
        ("ghp_unknown", "wrong, revoked or expired"),
        ("ghs_installation", "ends within the hour"),
        ("ghr_refresh", "refresh token"),
        ("", "no token"),
        ("two words", "no token"),
        ("ghp_canary\r\nX-Evil: 1", "no token"),
        ("ghp_canary\u00e9", "no token"),
        ("x" * (MAX_TOKEN + 1), "no token"),
    ],
)
def test_what_github_would_not_take_is_not_kept(door: Door, token: str, part: str) -> None:
    """The sentence says why, and does not repeat it."""
    told = door.client.put("/api/v1/identity/token", json={"token": token})
    assert told.status_code == 422
    assert part in told.json()["detail"]
    assert "canary" not in told.text
    assert not door.access.is_known


@pytest.mark.parametrize("length", [40, 93, 255, 520, 2048, 2049, 4096, MAX_TOKEN])
def test_a_token_may_have_any_length(door: Door, length: int) -> None:
    """GitHub promises none."""
    token = "github_pat_" + "x" * (length - 11)
    door.know(token, None)
    (lack,) = door.identity("PUT", 200, "/token", token=token)["token"]["lacks"]
    assert "Commit statuses: write" in lack
    assert door.access.client.get("/repos/octo/hello", owner="octo").status == 200
    assert door.access.token_of("octo") == token


def test_another_token_is_another_author(door: Door) -> None:
    """Comments are found again by who wrote them, so what was looked up for the older token must not last."""
    made: list[str | None] = []

    def make(app_id: str | None) -> Reporter:
        made.append(app_id)
        return StatusReporter(door.site.database, door.access.client, "http://hub.example")

    changing = Changing(make, lambda: door.access.identity.who)
    for token in (TOKEN, "ghp_another"):
        door.know(token, ALL)
        door.identity("PUT", 200, "/token", token=token)
        for _ in range(2):
            changing.read_reports(Fact(kind=FactKind.BUILDER_LOST, at=NOW, data={}))
    be_app(door)
    changing.read_reports(Fact(kind=FactKind.BUILDER_LOST, at=NOW, data={}))
    assert made == [None, None, None, "4711"]


def test_while_github_is_away_nothing_is_kept(door: Door) -> None:
    door.know(TOKEN, ALL)
    door.github.fail_next(1, status=503)
    assert door.client.put("/api/v1/identity/token", json={"token": TOKEN}).status_code in {502, 503}
    assert door.identity()["using"] == "nobody"


def test_the_settings_count_before_what_is_entered(tmp_path: Path) -> None:
    """And the page says which is in use, and why."""
    with opened(tmp_path) as before:
        before.know(TOKEN, ALL)
        before.identity("PUT", 200, "/token", token=TOKEN)
    with opened(tmp_path, token="ghp_of_the_settings") as door:
        told = door.identity()
        assert (told["using"], told["token"]["scopes"][0]) == ("token", "repo")
        assert "GITHUB__TOKEN" in told["why"]
        assert door.access.token_of("octo") == "ghp_of_the_settings"
        page = door.client.get("/github").text
        assert "Not used: the token of" in page
        assert "GITHUB__TOKEN" in page
        assert "GITHUB__TOKEN" not in door.identity("PUT", 409, "/token", token=TOKEN)["detail"]
        assert door.identity("DELETE", 200, "/token")["token"] is None


def test_an_app_counts_before_a_token(door: Door) -> None:
    door.know(TOKEN, ALL)
    door.identity("PUT", 200, "/token", token=TOKEN)
    be_app(door)
    told = door.identity()
    assert (told["using"], told["token"]["lacks"]) == ("app", [])
    assert "not used" in told["why"]
    assert (door.access.token_of("octo") or "").startswith("ghs_")
    assert door.identity("PUT", 409, "/token", token=TOKEN)["detail"].startswith("This hub is an App already")


@pytest.mark.parametrize("role", [None, "read", "write", "builder"])
def test_only_admins_change_who_the_hub_is(door: Door, role: str | None) -> None:
    door.client.headers.pop("Authorization")
    if role:
        door.client.headers["Authorization"] = f"Bearer {keep(door, role)}"
    for method, more in (("PUT", "/token"), ("DELETE", "/token"), ("PUT", "/hook")):
        answer = door.client.request(method, f"/api/v1/identity{more}", json={"token": TOKEN})
        assert answer.status_code in {401, 403}
    assert door.client.get("/api/v1/identity").status_code == (200 if role == "write" else 403 if role else 401)
    assert door.github.requests == []


def keep(door: Door, role: str) -> str:
    text: str = door.site.database.write(
        lambda connection: keep_token(connection, "s" * 43, name=role, role=role, now=NOW)
    )
    return text


def be_app(door: Door) -> None:
    """Have the hub be an App that was made on its page, installed for octo."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    door.github.install_app("4711", public.decode(), ["octo"])
    about = {"id": 4711, "slug": "ours", "name": "Ours", "owner": "octo", "client_id": "c", "html_url": ""}
    secret = {"pem": private.decode(), "client_secret": "s", "webhook_secret": "made-webhook-secret"}
    door.access.credentials.keep(APP, about, secret, "ada")


def test_the_apps_hook_is_compared_and_mended(door: Door) -> None:
    """Its address, content type and secret can be changed; its events only on its page, which is told."""
    assert "no GitHub App" in door.identity("GET", 404, "/hook")["detail"]
    be_app(door)
    app = door.github.state.app
    assert app is not None
    app.events = ["push"]
    app.hook = {"url": "https://old.example/hooks/github", "content_type": "form", "insecure_ssl": "1"}
    told = door.identity("GET", 200, "/hook")
    assert (told["state"], len(told["differences"])) == ("different", 5)

    mended = door.identity("PUT", 200, "/hook")

    assert app.hook == {
        "url": f"{door.client.base_url}/hooks/github".replace("//hooks", "/hooks"),
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "made-webhook-secret",
    }
    (left,) = mended["differences"]
    assert left.endswith("chosen on its page at GitHub")
    app.events = list(ORGANIZATION_EVENTS)
    assert door.identity("GET", 200, "/hook")["state"] == "on"
    hook = door.github.add_hook("/app", "http://127.0.0.1:9/hooks/github", "another")
    hook.send("ping", {"zen": "x"})
    hook.sent[-1] |= {"status_code": 401, "status": "Invalid HTTP Response: 401"}
    assert door.identity("GET", 200, "/hook")["last_delivery"] == {"code": 401, "answer": "Invalid HTTP Response: 401"}
    page = door.client.get("/github/hook").text
    assert "Fails" in page
    assert "made-webhook-secret" not in page
    own = {"Origin": str(door.client.base_url).rstrip("/")}
    assert door.client.post("/github/hook/on", headers=own).headers["location"] == "/github/hook"


def test_the_page_tells_where_the_app_is_installed_and_suspended(door: Door) -> None:
    be_app(door)
    rows = Rows(door.site.database)
    kept = {"app_id": 4711, "repository_selection": "all"}
    rows.keep(gh_installation, {"id": 1, "account_login": "octo", **kept})
    rows.keep(gh_installation, {"id": 2, "account_login": "asleep", "suspended_at": NOW - 60, **kept})
    rows.keep(gh_installation, {"id": 3, "account_login": "gone", "deleted_at": NOW, **kept})
    page = door.client.get("/github").text
    assert "octo" in page
    assert "suspended" in page.partition("asleep")[2]
    assert "gone" not in page


def test_the_command_reads_the_token_from_stdin(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never an argument: every process of the machine may read those."""
    door.know(TOKEN, "public_repo")
    more = {"HUBWRIGHT_URL": str(door.client.base_url).rstrip("/"), "HUBWRIGHT_TOKEN": "admin-secret"}
    with io.TextIOWrapper(io.BytesIO(f"{TOKEN}\n".encode())) as given:
        monkeypatch.setattr(sys, "stdin", given)
        done = command_line.run(None, "github", "set-token", more=more)
    assert done.returncode == 0, done.stderr
    assert "admin:repo_hook" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert "owner of a token" in command_line.run(None, "github", "show", more=more).stdout
    assert "anonymously" in command_line.run(None, "github", "rm-token", more=more).stdout
    assert command_line.run(None, "github", "set-token", TOKEN, more=more).returncode == 2


def keep_left(door: Door, count: int) -> None:
    """What GitHub has told of octo's installation, and of one that is another App's."""
    app = door.github.state.app
    assert app is not None
    number = app.installations["octo"]
    for name, remaining in ((f"installation {number}", count), (f"installation {number}0", 1)):
        figures = Figures(limit=5000, remaining=remaining, reset_at=time.time() + 600)
        change = partial(change_budget, name=name, change=lambda _, told=figures: (Budget(figures=told), None), now=NOW)
        door.site.database.write(change)


def test_the_doctor_knows_what_was_made_or_entered_here(door: Door) -> None:
    """Else it would say that there are no credentials, and that every webhook is refused."""
    settings = load_settings({"data_dir": str(door.folder), "github.api_url": door.github.api_url}, None, {})
    assert "no credentials" in check_github(settings).seen
    door.github.put_at("/rate_limit", {"resources": {"core": {"limit": 5000, "remaining": 4711}}})
    door.know(TOKEN, ALL)
    door.identity("PUT", 200, "/token", token=TOKEN)
    assert check_github(settings).seen.endswith("takes our token; 4711 of 5000 requests are left")
    be_app(door)
    assert check_github(settings).seen.endswith("takes the key of App 4711; installed for octo")
    keep_left(door, 150)
    assert check_github(settings).verdict is Verdict.WARN
    assert check_github(settings).seen.endswith("installed for octo; 150 of 5000 requests are left for octo")
    assert check_rights(settings).seen.startswith("the App lacks checks: write, contents: read, ")
    assert check_hooks(settings).seen.startswith("the hook of the App: it sends to nowhere instead of http://127")
    outside = load_settings({"data_dir": str(door.folder), "host": "0.0.0.0"}, None, {})
    assert check_secrets(outside).seen == "signatures are checked"


def test_the_command_compares_the_apps_hook(door: Door) -> None:
    """The exit code tells a script how it stands."""
    more = {"HUBWRIGHT_URL": str(door.client.base_url).rstrip("/"), "HUBWRIGHT_TOKEN": "admin-secret"}
    be_app(door)
    assert door.github.state.app is not None
    door.github.state.app.events = list(ORGANIZATION_EVENTS)
    told = command_line.run(None, "hook", "check", "--app", more=more)
    assert (told.returncode, "nowhere" in told.stdout) == (1, True)
    assert command_line.run(None, "hook", "install", "--app", more=more).returncode == 0
    for wrong in (("check",), ("check", "a/b/c"), ("check", "a/"), ("check", "a", "--app"), ("rm", "--app")):
        assert command_line.run(None, "hook", *wrong, more=more).returncode == 2


def test_what_a_token_lacks_is_told_by_its_scopes() -> None:
    assert find_lacks("ghp_x", ("repo", "admin:repo_hook", "admin:org_hook", "read:org"), talks=True) == ()
    assert len(find_lacks("ghp_x", (), talks=False)) == 5
    assert len(find_lacks("ghp_x", ("repo:status",), talks=True)) == 5
    assert [one.rpartition(" ")[2] for one in find_lacks("ghp_x", ("repo",), talks=True)] == [
        "admin:org_hook",
        "read:org",
    ]
    assert len(find_lacks("old", None, talks=False)) == 1
