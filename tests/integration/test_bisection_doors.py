"""Searches for culprits at API and pages: asked for, shown, cancelled; what people write stays text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hubwright.hub.retention import DAY
from hubwright.store import schema
from hubwright.store.retention import delete_bisections, load_old_bisections
from hubwright.web.api.answers import moment
from hubwright.web.gate import Gate
from hubwright.web.pages import make_pages
from served import NOW, Rows, make_app, make_site, make_wishes, serve

ADMIN = {"Authorization": "Bearer admin-secret"}
HOSTILE = "<script>alert(1)</script>"
A, B, C = "a" * 40, "b" * 40, "c" * 40


@pytest.fixture
def door(tmp_path: Path) -> Iterator[tuple[httpx2.Client, Rows]]:
    with make_site(tmp_path) as site, make_wishes(site, tmp_path) as wishes:
        gate = Gate(site)
        app = make_app(site, gate, wishes)
        app.router.routes.extend(make_pages(site, gate))
        with serve(app) as address, httpx2.Client(base_url=address) as client:
            rows = Rows(site.database)
            rows.keep_job()
            yield client, rows


def keep_search(rows: Rows, state: str = "found", **more: object) -> None:
    values = {
        "id": 1, "job_id": 1, "platform": "linux", "matrix": {}, "ref": "refs/heads/main", "branch": "main",
        "build_id": 1, "run_id": 1, "bad": C, "commits": [A, B, C], "findings": [], "state": state,
        "max_builds": 20, "builds": 3,
        "targets": [{"stage": "test", "test": HOSTILE, "identity": 1}], "next_try_at": NOW, "created_at": NOW,
        "finished_at": None if state == "searching" else NOW, **more,
    }  # fmt: skip
    rows.keep(schema.bisection, values)
    if state == "found":
        found = {"bisection_id": 1, "sha": B, "repository": "team/app", "author_name": HOSTILE, "subject": HOSTILE}
        rows.keep(schema.culprit, {**found, "targets": [HOSTILE]})


def test_names_from_outside_are_only_text(door: tuple[httpx2.Client, Rows]) -> None:
    """Authors, subjects and tests (S31) on the pages of build, job and search."""
    client, rows = door
    rows.keep_build(1, state="finished", result="failure")
    rows.keep_run(1, 1, state="finished", result="failure", finished_at=NOW)
    keep_search(rows)
    for path in ("/builds/1", "/bisections/1", "/jobs/team/app"):
        page = client.get(path)
        assert page.status_code == 200, page.text
        assert HOSTILE not in page.text
        assert "&lt;script&gt;alert" in page.text
    said = client.get("/api/v1/bisections/1").json()
    assert said["culprits"] == [{"sha": B, "author": HOSTILE, "subject": HOSTILE, "broke": [HOSTILE]}]
    assert (said["good"], said["bad"], said["commits"], said["suspects"]) == (A, C, 2, None)
    assert [one["id"] for one in client.get("/api/v1/bisections", params={"job": "team/app"}).json()["items"]] == [1]
    assert client.get("/api/v1/bisections", params={"build": 7}).json()["items"] == []
    assert client.get("/api/v1/bisections/2").status_code == 404
    assert client.get("/bisections/2").status_code == 404


def test_a_search_that_goes_on_tells_how_many_suspects_are_left(door: tuple[httpx2.Client, Rows]) -> None:
    client, rows = door
    rows.keep_build(1, state="finished", result="failure")
    keep_search(rows, "searching")
    assert client.get("/api/v1/bisections/1").json()["suspects"] == 2
    assert "2 suspects left of 2 commits" in client.get("/builds/1").text
    answer = client.post("/api/v1/bisections/1/cancel", headers=ADMIN)
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert client.post("/api/v1/bisections/1/cancel", headers=ADMIN).status_code == 409


def test_who_may_ask_and_for_what(door: tuple[httpx2.Client, Rows]) -> None:
    client, rows = door
    ask = "/api/v1/jobs/team/app/bisections"
    assert client.post(ask, json={"good": A, "bad": C}).status_code == 401
    for body, status in (
        ({"good": A}, 422),
        ({"good": A, "bad": "--upload-pack=x"}, 400),
        ({"good": A, "bad": "x" * 65}, 422),
        ({"good": A, "bad": C, "tests": "t"}, 422),
        ({"good": A, "bad": C, "run": "make", "test": "t"}, 422),
        ({"good": A, "bad": C, "run": ""}, 422),
        ({"good": A, "bad": C}, 422),  # never built: on which platform?
    ):
        answer = client.post(ask, json=body, headers=ADMIN)
        assert answer.status_code == status, (body, answer.text)
    assert client.post("/api/v1/jobs/none/bisections", json={"good": A, "bad": C}, headers=ADMIN).status_code == 404
    rows.keep_build(1, state="finished", result="failure")
    rows.keep_run(1, 1, state="finished", result="failure", finished_at=NOW)
    answer = client.post(ask, json={"good": A[:9], "bad": "main", "test": "test_b"}, headers=ADMIN)
    assert answer.status_code == 202, answer.text
    kept = client.get(answer.headers["location"]).json()
    assert (kept["state"], kept["targets"], kept["bad"], kept["steps"]) == ("waiting", ["test_b"], "main", [])
    assert kept["platform"]
    assert client.get(f"/bisections/{kept['id']}").status_code == 200


def test_a_search_tells_when_its_repository_is_asked_again(door: tuple[httpx2.Client, Rows]) -> None:
    client, rows = door
    keep_search(rows, "searching", reason="It does not answer.", tries=2, next_try_at=NOW + 60, command=HOSTILE)
    said = client.get("/api/v1/bisections/1").json()
    assert (said["reason"], said["again"], said["run"]) == ("It does not answer.", moment(NOW + 60), HOSTILE)
    assert HOSTILE not in client.get("/bisections/1").text


def test_old_searches_go_with_what_they_found(door: tuple[httpx2.Client, Rows]) -> None:
    client, rows = door
    rows.keep_build(1, state="finished", result="failure")
    keep_search(rows)
    with rows._database.reading() as connection:
        assert load_old_bisections(connection, NOW) == []
        old = load_old_bisections(connection, NOW + DAY)
    rows._database.write(lambda connection: delete_bisections(connection, old))
    assert client.get("/api/v1/bisections").json()["items"] == []
