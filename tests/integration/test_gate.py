"""Who may enter, over HTTP: tokens, sessions, login links, other sites' pages, other hosts' names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hubwright.store.tokens import keep_token, load_tokens, revoke_token
from hubwright.web.gate import COOKIE, LOGIN_SECONDS, MAX_REMEMBERED, REMEMBERED, SESSION_SECONDS
from served import NOW, ManualClock, Served, served_site

MakeHub = Callable[..., Served]
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def make_hub(tmp_path: Path) -> Iterator[MakeHub]:
    """A private site, or with changes."""
    opened: list[Any] = []

    def make(**changes: Any) -> Served:
        context = served_site(tmp_path, **{"anonymous_read": False, "clock": clock, **changes})
        opened.append(context)
        return context.__enter__()

    clock = ManualClock()
    yield make
    for context in opened:
        context.__exit__(None, None, None)


def new_token(hub: Served, role: str, expires: float | None = None) -> str:
    return hub.site.database.write(
        lambda connection: keep_token(
            connection, f"secret-{role}", name=f"a {role}", role=role, now=NOW, expires=expires
        )
    )


def status(hub: Served, path: str = "/api/v1/builds", method: str = "GET", **headers: str) -> int:
    return hub.client.request(method, path, headers=headers).status_code


def advance(hub: Served, seconds: float) -> None:
    clock = hub.site.clock
    assert isinstance(clock, ManualClock)
    clock.now += seconds


def log_in(hub: Served) -> str:
    """The cookie that a login link gives."""
    link = asyncio.run(make_link(hub))
    answer = hub.client.get(link.removeprefix(hub.site.public_url))
    hub.client.cookies.clear()
    assert answer.status_code == 303
    set_cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in set_cookie
    assert "SameSite=lax" in set_cookie
    return set_cookie.partition(";")[0]


async def make_link(hub: Served) -> str:
    return await hub.gate.make_login_link()


def test_nobody_reads_a_private_hub(make_hub: MakeHub) -> None:
    """401 that says what to do - also for things that do not exist, so that nothing can be probed."""
    hub = make_hub()
    for path in (
        "/api/v1/builds",
        "/api/v1/builds/9",
        "/api/v1/runs/1/log",
        "/artifacts/x/y/z",
        "/metrics",
        "/api/v1/events",
    ):
        answer = hub.client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        assert "hubwright token new" in answer.json()["detail"]
    assert status(hub, "/livez") == 200
    assert status(hub, "/readyz") == 200


@pytest.mark.parametrize(
    ("role", "reads", "writes"), [("read", 200, 403), ("write", 200, 404), ("admin", 200, 404), ("builder", 403, 403)]
)
def test_roles(make_hub: MakeHub, role: str, reads: int, writes: int) -> None:
    """A reader does not write; a builder's token is no key to the API."""
    hub = make_hub()
    bearer = {"Authorization": f"Bearer {new_token(hub, role)}"}
    assert status(hub, **bearer) == reads
    assert status(hub, "/api/v1/builds/9/cancel", "POST", **bearer) == writes


def test_wrong_tokens_are_told_so(make_hub: MakeHub) -> None:
    """Even where anybody may read: who sends a token means it."""
    hub = make_hub(anonymous_read=True)
    assert status(hub) == 200
    for wrong in ("hwt_nope", "admin-secre", "admin-secrets", "x" * 5000, "ä"):
        assert (
            hub.client.get("/api/v1/builds", headers={"Authorization": f"Bearer {wrong}".encode()}).status_code == 401
        )
    assert status(hub, Authorization="Bearer admin-secret") == 200
    assert status(hub, Authorization="Basic YTpi") == 200


def test_tokens_end(make_hub: MakeHub) -> None:
    """Expired ones at once, revoked ones when they are looked up again."""
    hub = make_hub()
    bearer = {"Authorization": f"Bearer {new_token(hub, 'read', expires=NOW + 10)}"}
    lasting = {"Authorization": f"Bearer {new_token(hub, 'write')}"}
    assert (status(hub, **bearer), status(hub, **lasting)) == (200, 200)
    with hub.site.database.reading() as connection:
        newest = load_tokens(connection)[0]
    assert hub.site.database.write(lambda connection: revoke_token(connection, newest.id, NOW))
    assert not hub.site.database.write(lambda connection: revoke_token(connection, newest.id, NOW))
    advance(hub, 11)
    assert status(hub, **bearer) == 401
    advance(hub, REMEMBERED)
    assert status(hub, **lasting) == 401


def test_a_known_token_costs_no_query(make_hub: MakeHub) -> None:
    """Reads are frequent; and what is remembered has a bound."""
    hub = make_hub()
    token = new_token(hub, "read")
    assert status(hub, Authorization=f"Bearer {token}") == 200
    hub.site.database.write(lambda connection: revoke_token(connection, 1, NOW))
    assert status(hub, Authorization=f"Bearer {token}") == 200
    hub.gate.forget()
    assert status(hub, Authorization=f"Bearer {token}") == 401
    assert MAX_REMEMBERED <= 10_000


def test_tokens_are_not_kept_readable(make_hub: MakeHub, tmp_path: Path) -> None:
    """S3: who steals the database has no key."""
    hub = make_hub()
    token = new_token(hub, "admin")
    log_in(hub)
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("hubwright.db*"))
    assert token.encode() not in stored
    assert b"secret-admin" not in stored


def test_a_login_link_works_once(make_hub: MakeHub) -> None:
    """Who finds it in a terminal's history comes too late."""
    hub = make_hub()
    link = asyncio.run(make_link(hub)).removeprefix(hub.site.public_url)
    token = link.partition("=")[2]
    assert status(hub, Authorization=f"Bearer {token}") == 401  # it is no token for the API
    first = hub.client.get(link)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert status(hub) == 200  # the client has the cookie now
    assert hub.client.get(link).status_code == 401


def test_a_login_link_grows_old(make_hub: MakeHub) -> None:
    """Ten minutes."""
    hub = make_hub()
    link = asyncio.run(make_link(hub)).removeprefix(hub.site.public_url)
    advance(hub, LOGIN_SECONDS + 1)
    assert hub.client.get(link).status_code == 401


def test_a_session_ends(make_hub: MakeHub) -> None:
    """By logging out, and by age; its cookie is no bearer token."""
    hub = make_hub()
    cookie, other = log_in(hub), log_in(hub)
    assert (status(hub, Cookie=cookie), status(hub, Cookie=other)) == (200, 200)
    assert status(hub, Authorization=f"Bearer {cookie.partition('=')[2]}") == 401
    assert status(hub, "/logout", "POST", Cookie=cookie) == 403  # another site's page might ask for it
    assert status(hub, "/logout", "POST", Cookie=cookie, **OWN) == 303
    assert status(hub, Cookie=cookie) == 401
    advance(hub, SESSION_SECONDS + 1)
    assert status(hub, Cookie=other) == 401
    assert status(hub, Cookie=f"{COOKIE}=nonsense") == 401


def test_changes_by_cookie_need_our_own_page(make_hub: MakeHub) -> None:
    """S33: CSRF: the browser sends the cookie for every page, but says which page asked."""
    hub = make_hub()
    cookie = log_in(hub)
    order = ("/api/v1/builds/9/cancel", "POST")
    assert status(hub, *order, Cookie=cookie) == 403
    assert status(hub, *order, Cookie=cookie, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert status(hub, *order, Cookie=cookie, Origin="http://evil.example") == 403
    assert status(hub, *order, Cookie=cookie, **OWN) == 404
    assert status(hub, *order, Cookie=cookie, Origin=hub.url) == 404
    assert status(hub, *order, Authorization="Bearer admin-secret", Origin="http://evil.example") == 404


def test_a_token_logs_a_browser_in(make_hub: MakeHub) -> None:
    """The form takes what `hubwright token new` printed, with that token's rights and no more."""
    hub = make_hub()
    token = new_token(hub, "read")
    assert hub.client.post("/login", data={"token": "nope"}, headers=OWN).status_code == 401
    assert hub.client.post("/login", data={"token": token}).status_code == 403
    assert hub.client.post("/login", data={"other": token}, headers=OWN).status_code == 400
    assert hub.client.post("/login", content=b"token=" + b"x" * 10_000, headers=OWN).status_code == 413
    assert hub.client.post("/login", data={"token": token}, headers=OWN).status_code == 303
    assert status(hub) == 200
    assert status(hub, "/api/v1/builds/9/cancel", "POST", **OWN) == 403


def test_loopback_goes_by_its_names(make_hub: MakeHub) -> None:
    """Any port: tunnels and containers change it."""
    hub = make_hub(anonymous_read=True)
    for host in ("localhost", "LOCALHOST:99", "127.0.0.1", "127.0.0.1:8010", "[::1]:8010"):
        assert status(hub, Host=host) == 200, host


def test_dns_rebinding_is_refused(make_hub: MakeHub) -> None:
    """A page that points its own name at 127.0.0.1 would read everything a loopback hub shows to anybody."""
    hub = make_hub(anonymous_read=True)
    for host in ("evil.example", "127.0.0.1.evil.example", "127.0.0.2", "", "[", "a@b:c"):
        assert status(hub, Host=host) == 403, host
        assert status(hub, "/login?token=x", Host=host) == 403, host


def test_a_public_hub_goes_by_any_name(make_hub: MakeHub) -> None:
    """Proxies and health checks have their own."""
    hub = make_hub(anonymous_read=True, public_url="https://ci.example")
    assert status(hub, Host="10.0.0.7") == 200
    link = asyncio.run(make_link(hub))
    assert link.startswith("https://ci.example/login?token=hwt_")
    assert "Secure" in hub.client.get(link.removeprefix("https://ci.example")).headers["set-cookie"]
