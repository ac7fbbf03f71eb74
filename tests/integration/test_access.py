"""Tokens, sessions, bounds, repeated requests and the audit log, over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command_line import run
from door_requests import INSIDE, OUTSIDE, seed
from hub_parts import rows
from hubwright.errors import TooManyRequestsError
from hubwright.store import schema
from hubwright.store.database import Database
from hubwright.store.repetitions import MOST, REMEMBERED, WORKED_AT, claim_key, drop_key, keep_answer
from hubwright.store.tokens import USED_EVERY
from hubwright.web.gate import COOKIE
from hubwright.web.rates import Rates
from quiet_hub import WholeHub, open_whole_hub
from served import NOW, ManualClock, Served, served_site

OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    with open_whole_hub(tmp_path_factory.mktemp("hub"), admin_token="admin-secret") as opened:
        seed(opened)
        yield opened


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Served]:
    """A private one with a clock of our own."""
    with served_site(tmp_path, anonymous_read=False) as opened:
        yield opened


ADMIN = {"Authorization": "Bearer admin-secret"}


def make_token(on: Any, role: str = "read", **wanted: Any) -> tuple[int, dict[str, str]]:
    """Its number, and the header with it."""
    made = on.client.post("/api/v1/tokens", json={"role": role, **wanted}, headers=ADMIN)
    assert made.status_code == 201, made.text
    newest = on.client.get("/api/v1/tokens?limit=1", headers=ADMIN).json()["items"][0]
    return newest["id"], {"Authorization": f"Bearer {made.json()['token']}"}


def log_in(on: Any, bearer: dict[str, str], **headers: str) -> str:
    """The cookie of a new session."""
    text = bearer["Authorization"].removeprefix("Bearer ")
    answer = on.client.post("/login", data={"token": text}, headers={**OWN, **headers})
    assert answer.status_code == 303
    on.client.cookies.clear()
    return str(answer.headers["set-cookie"]).partition(";")[0]


def advance(site: Served, seconds: float) -> None:
    clock = site.site.clock
    assert isinstance(clock, ManualClock)
    clock.now += seconds


def test_last_use_is_written_once_a_minute(site: Served) -> None:
    """A request costs no write; and the list tells it."""
    number, bearer = make_token(site)

    def used() -> Any:
        site.site.database.write(lambda _connection: None)  # what was queued before is written then
        return rows(site.site.database, schema.token, id=number)[0].used_at

    assert used() is None
    for _ in range(5):
        assert site.client.get("/api/v1/builds", headers=bearer).status_code == 200
        advance(site, 5)
    assert used() == NOW
    advance(site, USED_EVERY)
    assert site.client.get("/api/v1/builds", headers=bearer).status_code == 200
    (listed,) = site.client.get("/api/v1/tokens", headers=ADMIN).json()["items"]
    assert used() == NOW + 25 + USED_EVERY
    assert listed["used_at"] is not None


def test_a_session_is_no_more_than_its_token(site: Served) -> None:
    """It sees the same folders, does not outlive the token, and ends with it."""
    number, bearer = make_token(site, folders=["team/sub/"], expires=3600)
    cookie = {"Cookie": log_in(site, bearer)}
    site.rows.keep_job(1, "team/sub/app")
    site.rows.keep_job(2, "team/other")
    assert [job["path"] for job in site.get("/api/v1/jobs", headers=cookie)["items"]] == ["team/sub/app"]
    (session,) = site.get("/api/v1/sessions", headers=cookie)["items"]
    assert (session["token"], session["current"], session["folders"]) == (number, True, ["team/sub"])
    assert rows(site.site.database, schema.token, id=session["id"])[0].expires_at == NOW + 3600
    assert site.client.delete(f"/api/v1/tokens/{number}", headers=ADMIN).status_code == 204
    assert site.client.get("/api/v1/jobs", headers=cookie).status_code == 401


def test_a_login_makes_a_new_session(site: Served) -> None:
    """Fixation: a session that somebody planted in the browser is not taken over; the browser's older one ends."""
    _, bearer = make_token(site)
    planted = f"{COOKIE}=hwt_planted"
    first = log_in(site, bearer, Cookie=planted)
    assert first != planted
    second = log_in(site, bearer, Cookie=first)
    assert second != first
    assert site.client.get("/api/v1/builds", headers={"Cookie": first}).status_code == 401
    assert site.client.get("/api/v1/builds", headers={"Cookie": second}).status_code == 200


def test_sessions_are_ended_by_their_own_and_by_admins(site: Served) -> None:
    """Others' are not there."""
    (_, ann), (_, bob) = make_token(site, name="ann"), make_token(site, name="bob")
    cookies = [{"Cookie": log_in(site, bearer)} for bearer in (ann, ann, bob)]
    of_ann = site.get("/api/v1/sessions", headers=cookies[0])["items"]
    assert [one["current"] for one in of_ann] == [False, True]
    (of_bob,) = site.get("/api/v1/sessions", headers=cookies[2])["items"]
    assert len(site.get("/api/v1/sessions", headers=ADMIN)["items"]) == 3

    def end(number: int, headers: dict[str, str]) -> int:
        return site.client.delete(f"/api/v1/sessions/{number}", headers=headers).status_code

    assert end(of_bob["id"], cookies[0] | OWN) == 404
    assert end(of_ann[0]["id"], cookies[0]) == 403  # not asked for by a page of ours
    assert end(of_ann[0]["id"], cookies[0] | OWN) == 204
    assert end(of_ann[0]["id"], cookies[0] | OWN) == 404
    assert site.client.get("/api/v1/builds", headers=cookies[1]).status_code == 401
    assert end(of_bob["id"], ADMIN) == 204
    assert end(rows(site.site.database, schema.token, name="ann")[0].id, ADMIN) == 404  # a token is no session


@pytest.mark.parametrize("wanted", [
    {"role": "admin", "folders": ["a"]}, {"role": "sql", "folders": ["a"]}, {"role": "read", "folders": []},
    {"role": "read", "folders": ["../x"]}, {"role": "read", "folders": [""]}, {"role": "write", "folders": "team"},
])  # fmt: skip
def test_folders_that_can_not_be_meant(site: Served, wanted: dict[str, Any]) -> None:
    """A token that sees nothing, or everything by mistake, is not made."""
    assert site.client.post("/api/v1/tokens", json=wanted, headers=ADMIN).status_code == 422


def test_requests_of_a_token_are_bounded(tmp_path: Path) -> None:
    """S44: 429 and when to come again; others are not kept out, and builders are not counted."""
    with served_site(tmp_path, anonymous_read=False, requests_per_minute=5) as site:
        number, bearer = make_token(site)
        _, other = make_token(site)
        statuses = [site.client.get("/api/v1/queue", headers=bearer).status_code for _ in range(6)]
        assert (statuses[0], statuses[-1]) == (statuses[4], 429)
        answer = site.client.get("/api/v1/ping", headers=bearer)
        assert (answer.status_code, int(answer.headers["retry-after"]) in range(1, 15)) == (429, True)
        assert answer.headers["content-type"] == "application/problem+json"
        assert site.client.get("/api/v1/ping", headers=other).status_code == 200
        assert number


def test_what_is_counted_is_forgotten() -> None:
    """A minute's worth at once, then evenly; a refused one does not count; strangers cost no memory without end."""
    now = [0.0]
    rates = Rates(60, lambda: now[0])
    for _ in range(60):
        rates.count("a")
    for _ in range(3):
        with pytest.raises(TooManyRequestsError) as caught:
            rates.count("a")
    assert caught.value.retry_after == 2
    now[0] += 1
    rates.count("a")
    with pytest.raises(TooManyRequestsError):
        rates.count("a")
    rates.count("b")
    Rates(None).count("a")


def test_on_https_the_cookie_can_not_be_set_by_others(tmp_path: Path) -> None:
    """`__Host-`: no page of a neighbouring host can plant a session."""
    with served_site(tmp_path, anonymous_read=False, public_url="https://ci.example") as site:
        _, bearer = make_token(site)
        cookie = log_in(site, bearer)
        assert cookie.startswith("__Host-")
        assert site.client.get("/api/v1/builds", headers={"Cookie": cookie}).status_code == 200
        plain = cookie.removeprefix("__Host-")
        assert site.client.get("/api/v1/builds", headers={"Cookie": plain}).status_code == 401


def test_the_same_post_is_done_once(hub: WholeHub) -> None:
    """A token that is asked for twice, because the first answer was lost, is made once; other bodies are refused."""
    wanted = {"role": "read", "name": "once"}
    headers = ADMIN | {"Idempotency-Key": "k1"}
    first = hub.client.post("/api/v1/tokens", json=wanted, headers=headers)
    again = hub.client.post("/api/v1/tokens", json=wanted, headers=headers)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    database = hub.hub.site.database
    assert len(rows(database, schema.token, name="once")) == 1
    assert len(rows(database, schema.audit, path="/api/v1/tokens", method="POST")) == 1
    other = hub.client.post("/api/v1/tokens", json=wanted | {"name": "two"}, headers=headers)
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    kept = rows(database, schema.repetition)[0].answer
    assert first.json()["token"].encode() not in kept
    _, writer = make_token(hub, "write")
    refused = hub.client.post("/api/v1/tokens", json=wanted, headers=writer | {"Idempotency-Key": "k1"})
    assert refused.status_code == 403  # the key is each asker's own
    bad = [hub.client.post("/api/v1/tokens", json={"role": role}, headers=ADMIN | {"Idempotency-Key": "k2"})
           for role in ("king", "read")]  # fmt: skip
    assert [answer.status_code for answer in bad] == [422, 201]  # what made nothing may be tried again
    assert (
        hub.client.post("/api/v1/tokens", json=wanted, headers=ADMIN | {"Idempotency-Key": "x" * 201}).status_code
        == 422
    )


def test_many_at_once_with_one_key(hub: WholeHub) -> None:
    """One makes it, the others are given its answer or told to wait."""
    headers = ADMIN | {"Idempotency-Key": "race"}
    statuses: list[int] = []

    def post() -> None:
        wanted = {"role": "read", "name": "race"}
        statuses.append(hub.client.post("/api/v1/tokens", json=wanted, headers=headers).status_code)

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert set(statuses) <= {201, 409}
    assert len(rows(hub.hub.site.database, schema.token, name="race")) == 1


def test_keys_have_bounds(database: Database) -> None:
    """In time and number; a key whose hub was killed is free again."""

    def claim(key: str, now: float = NOW, body: str = "b", owner: str = "o") -> Any:
        return database.write(lambda connection: claim_key(connection, key, owner, body, now))

    assert claim("a").is_new
    assert claim("a") == claim("a", NOW + WORKED_AT - 1)
    assert not claim("a").is_new
    assert claim("a", NOW + WORKED_AT + 1).is_new
    database.write(lambda connection: keep_answer(connection, "a", b"told"))
    assert claim("a", NOW + REMEMBERED - 1).answer == b"told"
    assert not claim("a", NOW + WORKED_AT, "c").fits
    assert claim("a", NOW + WORKED_AT + 2 + REMEMBERED, "c").is_new
    database.write(lambda connection: drop_key(connection, "a"))
    database.write(lambda connection: [claim_key(connection, f"k{n}", "o", "b", NOW) for n in range(MOST + 5)])
    assert claim("other", owner="p").is_new
    assert len(rows(database, schema.repetition)) == MOST + 1
    assert claim("k0").is_new
    assert not claim("k900").is_new


def test_what_is_known_is_not_sent_again(hub: WholeHub) -> None:
    """`If-None-Match`: 304 without a body, for documents and lists; a change changes the tag."""
    for path in ("/api/v1/builds", f"/api/v1/builds/{INSIDE.number}", "/api/v1/jobs", "/api/v1/facts?after=0"):
        first = hub.client.get(path, headers=ADMIN)
        tag = first.headers["etag"]
        for known in (tag, f'"x", W/{tag}', "*"):
            again = hub.client.get(path, headers=ADMIN | {"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert hub.client.get(path, headers=ADMIN | {"If-None-Match": '"x"'}).status_code == 200
    _, scoped = make_token(hub, folders=["team/sub"])
    assert (
        hub.client.get(
            "/api/v1/builds",
            headers=scoped | {"If-None-Match": hub.client.get("/api/v1/builds", headers=ADMIN).headers["etag"]},
        ).status_code
        == 200
    )
    assert "etag" not in hub.client.get("/api/v1/builds/999", headers=ADMIN).headers


def test_the_audit_log_tells_who_did_what(hub: WholeHub) -> None:
    """With a token, a session, a link; refused or not; filtered and paged; and for admins only."""
    number, bearer = make_token(hub, "write", name="ann")
    hub.client.post(f"/api/v1/builds/{OUTSIDE.number}/cancel", headers=bearer, json={"reason": "a secret reason"})
    hub.client.post("/api/v1/tokens", headers=bearer, json={"role": "admin"})
    cookie = {"Cookie": log_in(hub, bearer)}
    hub.client.post(f"/builds/{OUTSIDE.number}/rerun", headers=cookie | OWN)
    page = hub.client.get("/api/v1/audit?actor=ann&limit=3", headers=ADMIN)
    found = page.json()["items"]
    more = hub.client.get(f"/api/v1/audit?actor=ann&cursor={page.json()['next']}", headers=ADMIN).json()["items"]
    told = [(one["method"], one["path"], one["by"]) for one in [*found, *more]]
    assert told == [
        ("POST", f"/builds/{OUTSIDE.number}/rerun", "cookie"),
        ("POST", "/login", "token"),
        ("POST", "/api/v1/tokens", "token"),
        ("POST", f"/api/v1/builds/{OUTSIDE.number}/cancel", "token"),
    ]
    assert 'rel="next"' in page.headers["link"]
    assert [one["status"] for one in found[1:]] == [303, 403]
    assert {one["address"] for one in found} == {"127.0.0.1"}
    assert more[0]["token_id"] == number
    assert "secret reason" not in page.text
    assert abs(time.time() - time.mktime(time.strptime(found[0]["at"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60

    def count(query: str) -> int:
        return len(hub.client.get(f"/api/v1/audit?{query}", headers=ADMIN).json()["items"])

    assert (count("actor=ann&method=POST"), count("actor=ann&status=403"), count(f"token={number}")) == (4, 1, 3)
    assert (count("path=/builds/&actor=ann"), count("path=%25&actor=ann")) == (1, 0)
    assert (count("actor=ann&since=2100-01-01T00:00:00Z"), count("actor=ann&until=2100-01-01T00:00:00Z")) == (0, 4)
    assert hub.client.get("/api/v1/audit?who=ann", headers=ADMIN).status_code == 422
    assert hub.client.get("/api/v1/audit", headers=bearer).status_code == 403


def test_tokens_and_the_audit_log_at_the_command_line(hub: WholeHub, tmp_path: Path) -> None:
    """At a hub, or in the database of this machine; both leave an entry."""
    there = {"HUBWRIGHT_URL": hub.url, "HUBWRIGHT_TOKEN": "admin-secret"}
    here = {"HUBWRIGHT_DATA_DIR": str(tmp_path), "HUBWRIGHT_DATABASE_URL": hub.hub.site.database.url}

    def ask(more: dict[str, str], *arguments: str) -> Any:
        done = run(None, *arguments, "--json", more=more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    for more, name in ((there, "there"), (here, "here")):
        made = ask(more, "token", "new", "--role", "read", "--folder", "team/sub", "--expires", "1h", "--name", name)
        assert (made["folders"], made["expires_at"] is not None) == (["team/sub"], True)
        bearer = {"Authorization": f"Bearer {made['token']}"}
        assert hub.client.get("/api/v1/builds/2", headers=bearer).status_code == 404
        (listed,) = [one for one in ask(more, "token", "ls") if one["name"] == name]
        assert (listed["folders"], listed["revoked_at"]) == (["team/sub"], None)
        assert run(None, "token", "revoke", str(listed["id"]), more=more).returncode == 0
        hub.hub.gate.forget()
        assert hub.client.get("/api/v1/builds", headers=bearer).status_code == 401
        (entry,) = ask(there, "audit", "--method", "delete", "--path", f"/api/v1/tokens/{listed['id']}")
        assert entry["by"] == {"there": "token", "here": "cli"}[name]
    assert "DELETE /api/v1/tokens/" in run(None, "audit", "-n", "3", more=there).stdout
    assert run(None, "token", "new", "--role", "admin", "--folder", "a", more=there).returncode == 2


def test_every_operation_has_an_example(hub: WholeHub) -> None:
    """Of its answer, and of its body where it takes one; and the examples of documents are as the real ones."""
    document = hub.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    lacking, wrong = [], []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name, responses = f"{method.upper()} {path}", operation["responses"]
            good = [told for status, told in responses.items() if status < "300"]
            shown = [kind["example"] for told in good for kind in told.get("content", {}).values() if "example" in kind]
            if not shown and "204" not in responses:
                lacking.append(name)
            if "requestBody" in operation and not any(
                "example" in kind or "examples" in kind for kind in operation["requestBody"]["content"].values()
            ):
                lacking.append(f"{name} (body)")
            if not operation.get("description"):
                lacking.append(f"{name} (description)")
            unnamed = [one["name"] for one in operation.get("parameters", ()) if "schema" not in one]
            assert not unnamed
            if shown and isinstance(shown[0], dict) and name in DOCUMENTS:
                real = hub.client.get(DOCUMENTS[name], headers=ADMIN).json()
                if invented := set(shown[0]) - set(real):
                    wrong.append((name, invented))
    assert not lacking
    assert not wrong


DOCUMENTS = {
    "GET /api/v1/builds": "/api/v1/builds",
    "GET /api/v1/builds/{build_id}": "/api/v1/builds/1",
    "GET /api/v1/builds/{build_id}/why": "/api/v1/builds/1/why",
    "GET /api/v1/runs/{run_id}": "/api/v1/runs/1",
    "GET /api/v1/jobs": "/api/v1/jobs",
    "GET /api/v1/queue": "/api/v1/queue",
    "GET /api/v1/ping": "/api/v1/ping",
    "GET /api/v1/info": "/api/v1/info",
    "GET /api/v1/audit": "/api/v1/audit",
    "GET /api/v1/tokens": "/api/v1/tokens",
}
"""Documents whose example must have the keys of a real one."""


def test_what_is_wrong_in_a_body_is_pointed_to(hub: WholeHub) -> None:
    """RFC 9457 with RFC 6901's pointers, also where only the whole body can be named."""

    def point(path: str, body: Any, method: str = "POST") -> list[str]:
        content = body if isinstance(body, bytes) else None
        told = hub.client.request(method, path, headers=ADMIN, **({"content": content} if content else {"json": body}))
        assert (told.status_code in {400, 422}, told.headers["content-type"]) == (True, "application/problem+json")
        return [error["pointer"] for error in told.json()["errors"]]

    tokens, sql = "/api/v1/tokens", "/api/v1/sql"
    assert point(tokens, {"role": 1}) == ["#/role"]
    assert point(tokens, {}) == ["#/role"]
    assert point(tokens, {"role": "king"}) == ["#/role"]
    assert point(tokens, {"role": "read", "folders": ["a", 3]}) == ["#/folders/1"]
    assert point(tokens, {"role": "read", "a/b": 1}) == ["#/a~1b"]
    assert point(tokens, {"role": "admin", "folders": ["a"]}) == ["#/folders"]
    assert point(tokens, b"[1]") == point(tokens, b"{") == ["#"]
    assert point(sql, {"query": 3}) == ["#/query"]
    assert point("/api/v1/jobs/team/x", {"timeot": 3}, "PUT")[0].startswith("#/")
    assert point("/api/v1/secrets/A?folder=team", {"value": ""}, "PUT") == ["#"]
    assert point("/api/v1/builds/1/cancel", {"reason": 1}) == ["#/reason"]
    assert point("/builds/register", {"git_repository_url": 5}) == ["#/git_repository_url"]
