"""Builders through their doors: joining, what people want of them, and what pages and API show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hubwright.store import schema
from hubwright.store.tokens import hash_token, keep_token
from hubwright.web.attempts import ALLOWED, Attempts
from hubwright.web.gate import Gate
from hubwright.web.joining import make_join_route
from hubwright.web.pages import make_pages
from served import NOW, Served, make_app, make_site, make_wishes, serve

ADMIN = {"Authorization": "Bearer admin-secret"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    """A hub's API and pages, with the door for joining."""
    woken: list[str] = []
    with make_site(tmp_path, wake=woken.append) as parts, make_wishes(parts, tmp_path) as wishes:
        gate = Gate(parts)
        app = make_app(parts, gate, wishes)
        app.router.routes.insert(0, make_join_route(parts, gate, Attempts()))
        app.router.routes.extend(make_pages(parts, gate))
        with serve(app) as url, httpx2.Client(base_url=url, timeout=20) as client:
            served = Served(parts, gate, url, client)
            served.woken = woken  # type: ignore[attr-defined]
            yield served


def ask(site: Served, method: str, path: str, status: int, token: str = "admin-secret", **json: Any) -> Any:
    """Ask the API; the answer's document. Fails unless it has this status."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = site.client.request(method, f"/api/v1/{path}", headers=headers, json=json or None)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def new_join(site: Served, **more: Any) -> dict[str, Any]:
    return dict(ask(site, "POST", "tokens", 201, role="join", **more))


def keep_builder(site: Served, name: str = "anvil", **values: Any) -> None:
    row = {"name": name, "platform": "linux", "labels": ["fast"], "slots": 2, "version": "1", "executor": "process",
           "instance": name, "state": "connected", "seen_at": NOW, "connected_at": NOW}  # fmt: skip
    site.rows.keep(schema.builder, {**row, **values})


def facts(site: Served) -> list[str]:
    return [fact["sentence"] for fact in site.get("/api/v1/facts")["items"]]


def test_a_join_token_makes_one_builder_with_a_token_of_its_own(site: Served) -> None:
    """The line to copy has it; it is good once; only the hash of the new token is kept (S3)."""
    made = new_join(site)
    assert made["command"] == f"hubwright builder --hub http://127.0.0.1:8010 --join {made['token']}"
    joined = ask(site, "POST", "builders/join", 201, made["token"], name="anvil")
    assert joined["name"] == "anvil"
    ask(site, "POST", "builders/join", 401, made["token"], name="other")
    (row,) = [one for one in ask(site, "GET", "tokens", 200)["items"] if one["role"] == "builder"]
    assert row["builder"] == "anvil"
    with site.site.database.reading() as connection:
        kept = [found.hash for found in connection.execute(schema.token.select())]
    assert hash_token(joined["token"]) in kept
    assert joined["token"] not in str(kept)
    assert "Builder anvil joined with a token of its own." in facts(site)


def test_a_join_token_fixes_what_it_says(site: Served) -> None:
    """S22: name, platform and labels."""
    made = new_join(site, name="mac", platform="macos-arm64", labels=["xcode"])
    joined = ask(site, "POST", "builders/join", 201, made["token"], name="else")
    assert (joined["name"], joined["platform"], joined["labels"]) == ("mac", "macos-arm64", ["xcode"])


def test_a_name_that_is_taken_uses_no_join_token_up(site: Served) -> None:
    first, second = new_join(site), new_join(site)
    ask(site, "POST", "builders/join", 201, first["token"], name="anvil")
    ask(site, "POST", "builders/join", 409, second["token"], name="anvil")
    for bad in ("", "a\nb", "x" * 101, " a"):
        ask(site, "POST", "builders/join", 422, second["token"], name=bad)
    ask(site, "POST", "builders/join", 201, second["token"], name="bellows")


@pytest.mark.parametrize("token", ["-", "hwt_unknown", "admin-secret", "x" * 600])
def test_nothing_else_joins(site: Served, token: str) -> None:
    """Not even the administrator's token makes a builder."""
    ask(site, "POST", "builders/join", 401, token, name="anvil")


def test_a_join_token_opens_nothing_else(site: Served) -> None:
    token = new_join(site)["token"]
    for method, path in (("GET", "builders"), ("GET", "tokens"), ("POST", "tokens")):
        ask(site, method, path, 401, token)


def test_many_wrong_join_tokens_are_refused_unread(site: Served) -> None:
    """S44: then even a good one waits; it says how long."""
    good = new_join(site)["token"]
    for _ in range(ALLOWED):
        ask(site, "POST", "builders/join", 401, "hwt_wrong", name="anvil")
    answer = site.client.post("/api/v1/builders/join", headers={"Authorization": f"Bearer {good}"}, json={})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("role", ["read", "write", "builder"])
def test_tokens_are_the_administrators_business(site: Served, role: str) -> None:
    text = site.site.database.write(lambda connection: keep_token(connection, "s", name="x", role=role, now=NOW))
    ask(site, "GET", "tokens", 403, text)
    ask(site, "POST", "tokens", 403, text, role="admin")
    ask(site, "DELETE", "tokens/1", 403, text)


def test_a_revoked_token_is_of_no_use_at_once(site: Served) -> None:
    made = ask(site, "POST", "tokens", 201, role="write", name="ci", expires=60)
    ask(site, "GET", "builders", 200, made["token"])
    number = ask(site, "GET", "tokens", 200)["items"][0]["id"]
    ask(site, "DELETE", f"tokens/{number}", 204)
    ask(site, "DELETE", f"tokens/{number}", 404)
    ask(site, "GET", "builders", 401, made["token"])
    ask(site, "POST", "tokens", 422, role="king")


def test_pause_drain_and_resume_are_kept_shown_and_told(site: Served) -> None:
    """R28; a name may have slashes."""
    keep_builder(site, "rack/anvil")
    for action, state in (("pause", "paused"), ("pause", "paused"), ("drain", "draining"), ("resume", "connected")):
        assert ask(site, "POST", f"builders/rack/anvil/{action}", 200)["state"] == state
        assert "builders" in site.woken  # type: ignore[attr-defined]
    assert [said for said in facts(site) if "rack/anvil" in said] == [
        "Builder rack/anvil paused by admin token.",
        "Builder rack/anvil told by admin token to end after its runs.",
        "Builder rack/anvil resumed by admin token.",
    ]
    ask(site, "POST", "builders/nobody/pause", 404)


def test_only_those_who_may_write_change_builders(site: Served) -> None:
    keep_builder(site)
    reader = site.site.database.write(lambda connection: keep_token(connection, "r", name="x", role="read", now=NOW))
    writer = site.site.database.write(lambda connection: keep_token(connection, "w", name="x", role="write", now=NOW))
    for action in ("pause", "resume", "drain", "revoke"):
        ask(site, "POST", f"builders/anvil/{action}", 403, reader)
    ask(site, "POST", "builders/anvil/pause", 200, writer)
    ask(site, "POST", "builders/anvil/revoke", 403, writer)
    ask(site, "DELETE", "builders/anvil", 403, writer)


def test_a_builder_that_is_away_is_forgotten_with_its_token(site: Served) -> None:
    """Its name is free afterwards; one that is connected must be drained first."""
    ask(site, "POST", "builders/join", 201, new_join(site)["token"], name="anvil")
    keep_builder(site, token_id=2)
    ask(site, "DELETE", "builders/anvil", 409)
    away = schema.builder.update().values(state="away")
    site.site.database.write(lambda connection: connection.execute(away))
    ask(site, "DELETE", "builders/anvil", 204)
    ask(site, "GET", "builders/anvil", 404)
    ask(site, "POST", "builders/join", 201, new_join(site)["token"], name="anvil")


def test_what_is_shown_of_a_builder(site: Served) -> None:
    keep_builder(site, lag=0.0123, skew=-7.4, wish="paused")
    found = ask(site, "GET", "builders/anvil", 200)
    assert (found["state"], found["used"], found["slots"], found["lag"]) == ("paused", 0, 2, 0.0123)
    assert found["warning"] == "Its clock is 7 seconds behind the hub's: let it be set by NTP."
    assert ask(site, "GET", "builders", 200)["items"] == [found]


def test_the_pages_show_builders_and_their_buttons(site: Served) -> None:
    """Buttons only for those who may; forms of another site's page are refused (CSRF)."""
    ask(site, "POST", "builders/join", 201, new_join(site)["token"], name="<b>/x")
    keep_builder(site, "<b>/x", token_id=2, skew=9.0, lag=0.001)
    for path in ("/builders", "/builders/%3Cb%3E/x"):
        page = site.client.get(path, headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "&lt;b&gt;/x" in page.text
        assert "<b>/x" not in page.text
        assert "9 seconds ahead" in page.text
        assert "/pause" not in page.text
    session = asyncio.run(site.gate.start_session("admin"))
    own = {"Cookie": f"hubwright_session={session}", "Sec-Fetch-Site": "same-origin"}
    page = site.client.get("/builders/%3Cb%3E/x", headers=own)
    for action in ("pause", "drain", "revoke"):
        assert f"/{action}" in page.text
    foreign = {**own, "Sec-Fetch-Site": "cross-site"}
    assert site.client.post("/builders/%3Cb%3E/x/pause", headers=foreign).status_code == 403
    assert site.client.post("/builders/%3Cb%3E/x/pause", headers=own).status_code == 303
    assert "/resume" in site.client.get("/builders/%3Cb%3E/x", headers=own).text
    line = site.client.post("/builders/join", headers=own)
    assert "hubwright builder --hub http://127.0.0.1:8010 --join hwt_" in line.text
    assert line.headers["cache-control"] == "no-store"
    assert site.client.post("/builders/%3Cb%3E/x/revoke", headers=own).status_code == 303
    assert site.client.post("/builders/%3Cb%3E/x/remove", headers=own).status_code == 409


def test_builders_tokens_are_no_logins(site: Served) -> None:
    token = site.site.database.write(lambda connection: keep_token(connection, "b", name="x", role="builder", now=NOW))
    own = {"Sec-Fetch-Site": "same-origin"}
    assert site.client.post("/login", data={"token": token}, headers=own).status_code == 403
    for _ in range(ALLOWED):
        assert site.client.post("/login", data={"token": "wrong"}, headers=own).status_code == 401
    assert site.client.post("/login", data={"token": "admin-secret"}, headers=own).status_code == 429
