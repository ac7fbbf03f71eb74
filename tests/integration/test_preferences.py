"""What people want to be told of: who may say it, by API, page and command line, and what open pages tell then."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, update

from command_line import run
from hubwright.domain.preferences import MAX_PREFERENCES
from hubwright.store import schema
from hubwright.store.tokens import keep_session, keep_token
from hubwright.web.gate import COOKIE
from quiet_hub import WholeHub, open_whole_hub
from served import NOW

ADMIN = "the-admin-token-of-these-tests"
OWN = "/api/v1/users/me/notifications"
ANN = "/api/v1/users/Ann/notifications"
BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    """Two jobs; ann has written a commit that broke the first, and her address is known of it."""
    with open_whole_hub(tmp_path_factory.mktemp("hub"), admin_token=ADMIN) as opened:
        rows = opened.rows
        rows.keep_job(1, "team/app", folder="team", repository="octo/app")
        rows.keep_job(2, "other/app", folder="other", repository="octo/other")
        rows.keep(schema.gh_repository, {"id": 7, "name": "app", "full_name": "octo/app", "raw": {}})
        ended = {"state": "finished", "started_at": NOW, "finished_at": NOW + 9, "repository": "octo/app"}
        rows.keep_build(1, **ended, result="success", author_login="bob")
        rows.keep_build(2, **ended, result="failure", author_login="Ann")
        rows.keep_build(3, **ended, result="failure", author_login="eve")
        rows.keep_build(4, **ended, result="failure", author_login="eve", job_id=2)
        commit = {"repository_id": 7, "sha": f"{2:040x}", "author_email": "ann@example.org", "raw": {}}
        rows.keep(schema.gh_commit, commit)
        yield opened


@pytest.fixture
def ann(hub: WholeHub) -> Iterator[httpx2.Client]:
    """A browser in which ann has logged in with GitHub; what she said before is forgotten."""
    hub.hub.site.database.write(lambda connection: connection.execute(schema.preference.delete()))
    with httpx2.Client(base_url=hub.url, headers={"Cookie": f"{COOKIE}={log_in(hub, 'Ann')}"} | BROWSER) as client:
        yield client


def log_in(hub: WholeHub, login: str) -> str:
    secret, now = secrets.token_hex(32), time.time()
    return hub.hub.site.database.write(
        lambda connection: keep_session(
            connection, secret, role="read", now=now, expires=now + 999, user=(7, login), parent=None
        )
    )


def make_token(hub: WholeHub, role: str) -> str:
    secret = secrets.token_urlsafe(32)
    return hub.hub.site.database.write(
        lambda connection: keep_token(connection, secret, name=role, role=role, now=time.time())
    )


def test_everybody_says_what_they_want_and_nobody_for_others(hub: WholeHub, ann: httpx2.Client) -> None:
    """But administrators. A token that is of no person has nothing to say."""
    said = {"events": ["fixed", "broken"], "mine": False, "ways": ["mail"]}

    assert ann.put(OWN, params={"place": "team/app"}, json=said).json()["events"] == ["broken", "fixed"]
    assert ann.put("/api/v1/users/bob/notifications", json=said).status_code == 403
    assert ann.get("/api/v1/users/bob/notifications").status_code == 403
    found = ann.get(OWN).json()
    assert (found["login"], found["addresses"]) == ("ann", ["ann@example.org"])
    assert [(one["path"], one["mine"], one["updated_by"]) for one in found["preferences"]] == [
        ("team/app", False, "Ann")
    ]
    for role in ("read", "write"):
        headers = {"Authorization": f"Bearer {make_token(hub, role)}"}
        assert hub.client.get(OWN, headers=headers).status_code == 403
        assert hub.client.delete(ANN, headers=headers).status_code == 403
    admin = {"Authorization": f"Bearer {ADMIN}"}
    assert hub.client.get(ANN, headers=admin).json()["preferences"] == found["preferences"]
    assert hub.client.delete(ANN, params={"place": "team/app"}, headers=admin).status_code == 204
    assert hub.client.delete(ANN, params={"place": "team/app"}, headers=admin).status_code == 404
    assert hub.client.get(ANN).status_code == 401


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"events": ["brocken"]}, "/events"),
        ({"ways": ["pigeon"]}, "/ways"),
        ({"address": "victim@example.org"}, "/address"),
        ({"address": "a@example.org\nBcc: b@example.org"}, "/address"),
        ({"mine": "perhaps"}, "/mine"),
    ],
)
def test_what_nobody_can_mean_is_refused(ann: httpx2.Client, said: dict[str, Any], pointer: str) -> None:
    """Above all another's mailbox: a hub must not be made to mail strangers."""
    answer = ann.put(OWN, json=said)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#{pointer}"
    assert ann.get(OWN).json()["preferences"] == []


def test_a_place_that_can_be_none_is_refused_whatever_is_done_with_it(ann: httpx2.Client) -> None:
    """PostgreSQL takes no NUL: what reaches it must be a path."""
    for method in ("PUT", "DELETE"):
        answer = ann.request(method, OWN, params={"place": "a\x00b"}, **({"json": {}} if method == "PUT" else {}))
        assert answer.status_code == 422, method
    assert ann.post("/notifications/remove", data={"path": "a\x00b"}).status_code == 422


def test_an_address_of_ones_commits_may_be_chosen_and_an_administrator_may_name_others(
    hub: WholeHub, ann: httpx2.Client
) -> None:
    assert ann.put(OWN, json={"address": "ann@example.org"}).json()["address"] == "ann@example.org"
    admin = {"Authorization": f"Bearer {ADMIN}"}
    assert hub.client.put(ANN, json={"address": "ann@work.example"}, headers=admin).status_code == 200


def test_nobody_says_without_end(hub: WholeHub, ann: httpx2.Client) -> None:
    row = {"events": [], "mine": True, "ways": [], "updated_at": NOW, "updated_by": "x", "login": "ann"}
    many = [{**row, "path": f"job{number}"} for number in range(MAX_PREFERENCES)]
    hub.hub.site.database.write(lambda connection: connection.execute(insert(schema.preference), many))

    assert ann.put(OWN, json={}).status_code == 409
    assert ann.put(OWN, params={"place": "job7"}, json={}).status_code == 200


def test_the_form_of_the_page_says_it_too(ann: httpx2.Client) -> None:
    """Without a script; with no box ticked it says: nothing."""
    assert "You have said nothing" in ann.get("/notifications").text
    form = {"path": "team/app", "on-broken": "on", "on-still-failing": "on", "by-mail": "on", "whose": "all"}
    assert ann.post("/notifications", data={**form, "address": "ann@example.org"}).status_code == 303
    assert ann.post("/notifications", data={"path": "", "whose": "mine"}).status_code == 303
    everything, job = ann.get(OWN).json()["preferences"]
    assert (job["events"], job["ways"], job["mine"], job["address"]) == (
        ["broken", "still-failing"], ["mail"], False, "ann@example.org",
    )  # fmt: skip
    assert (everything["path"], everything["events"], everything["ways"]) == ("", [], [])
    assert '"/notifications?path=team/app#set"' in ann.get("/jobs/team/app").text
    filled = ann.get("/notifications?path=team/app").text
    assert 'name="on-still-failing" checked' in filled
    assert 'name="by-page" checked' not in filled
    assert ann.post("/notifications/remove", data={"path": "team/app"}).status_code == 303
    assert [one["path"] for one in ann.get(OWN).json()["preferences"]] == [""]


def test_a_form_of_another_site_changes_nothing(ann: httpx2.Client) -> None:
    answer = ann.post("/notifications", data={"path": ""}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert ann.get(OWN).json()["preferences"] == []


def test_who_is_not_known_is_told_how_one_becomes_known(hub: WholeHub) -> None:
    """An administrator's token is no person."""
    page = hub.client.get("/notifications", headers={"Authorization": f"Bearer {ADMIN}"} | BROWSER).text

    assert "log in with GitHub" in page
    assert "<form class" not in page


def test_the_command_line_says_it_for_others(hub: WholeHub, ann: httpx2.Client) -> None:
    """As an administrator; in words and as JSON."""
    asked = ("--hub", hub.url, "--user", "ann")
    admin = {"HUBWRIGHT_TOKEN": ADMIN}

    kept = run(None, "notify", "set", "team", "--on", "fixed", "--by", "irc", "--all", *asked, more=admin)
    off = run(None, "notify", "set", "team/app", "--nothing", *asked, more=admin)
    listed = run(None, "notify", "ls", *asked, more=admin)
    assert (kept.returncode, kept.stdout) == (0, "team  fixed  everybody's  by irc\n"), kept.stderr
    assert off.returncode == 0
    assert "team/app  nothing" in listed.stdout
    assert "ann@example.org" in listed.stderr
    assert run(None, "notify", "rm", "team", *asked, more=admin).returncode == 0
    assert [one["path"] for one in ann.get(OWN).json()["preferences"]] == ["team/app"]
    assert run(None, "notify", "set", "--nothing", "--on", "fixed", *asked, more=admin).returncode == 2
    reader = {"HUBWRIGHT_TOKEN": make_token(hub, "read")}
    assert "log in with GitHub" in run(None, "notify", "ls", "--hub", hub.url, more=reader).stderr


def test_open_pages_tell_what_was_asked_for(hub: WholeHub, ann: httpx2.Client) -> None:
    """Her own when she has said nothing; a streak that she began, and everybody's, when she says so."""
    after = ann.get("/fragments/ended").json()["after"]
    broken = {"turn": "broken", "since": 2, "good": 1, "newest": 2}
    still = {"turn": "still-failing", "since": 2, "good": 1, "newest": 3}
    for build, streak in ((2, broken), (3, still), (4, {"turn": "broken", "since": 4, "newest": 4})):
        data = {"job": "team/app" if build < 4 else "other/app", "result": "failure", "streak": streak}
        hub.rows.keep(schema.fact, {"kind": "BuildFinished", "at": NOW, "build_id": build, "data": data})

    def ended() -> list[int]:
        return sorted(one["id"] for one in ann.get(f"/fragments/ended?after={after}&mine=1").json()["ended"])

    assert ended() == [2]
    ann.put(OWN, json={"events": ["still-failing", "broken"], "ways": ["page"]})
    assert ended() == [2, 3]
    ann.put(OWN, params={"place": "other"}, json={"events": ["broken"], "mine": False})
    assert ended() == [2, 3, 4]
    ann.put(OWN, params={"place": "team/app"}, json={"events": ["broken"], "ways": ["mail"]})
    assert ended() == [4]


def test_the_address_of_a_deleted_copy_of_a_commit_is_no_longer_known(hub: WholeHub, ann: httpx2.Client) -> None:
    """What GitHub has never told of is nobody's address."""
    database = hub.hub.site.database
    of = schema.build.c.id == 2
    database.write(lambda connection: connection.execute(update(schema.build).where(of).values(author_login="x")))
    assert ann.get(OWN).json()["addresses"] == []
    database.write(lambda connection: connection.execute(update(schema.build).where(of).values(author_login="Ann")))
