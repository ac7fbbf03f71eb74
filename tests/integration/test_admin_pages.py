"""The pages of administration, by their forms alone: no script is at work here."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import httpx2
import pytest

from hubwright.store.processes import Process, keep_process
from hubwright.store.secrets import load_secrets
from quiet_hub import WholeHub, open_whole_hub

ADMIN = {"Authorization": "Bearer the-admin-token-of-these-tests"}
VALUE = "c0rrect-horse-battery-staple"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    flags = {"admin_token": ADMIN["Authorization"][7:], "irc.password": VALUE, "builds.timeout": "2h"}
    with open_whole_hub(tmp_path_factory.mktemp("hub"), **flags) as opened:
        for number, path in ((1, "team/app"), (2, "other/app")):
            opened.rows.keep_job(number, path, folder=path.partition("/")[0], repository=f"octo/r{number}")
        yield opened


def send(hub: WholeHub, path: str, headers: dict[str, str] = ADMIN, **fields: str) -> httpx2.Response:
    """What a browser does with a form: send it, and go where the answer says."""
    return hub.client.post(path, data=fields, headers=headers, follow_redirects=True)


def show(hub: WholeHub, path: str, headers: dict[str, str] = ADMIN) -> str:
    return hub.client.get(path, headers=headers).text


def make(hub: WholeHub, **fields: str) -> tuple[str, str]:
    """A new token: its text and its number."""
    given = {"name": "ci", "role": "read", "lasting": "a day", "folders": "", **fields}
    page = send(hub, "/admin/tokens", **given).text
    text = re.search(r"hwt_[\w-]{40,}", page)
    number = re.search(r'action="/admin/tokens/(\d+)/revoke"', page)
    assert text is not None
    assert number is not None
    return text[0], number[1]


def test_a_token_is_shown_once_and_ends_when_it_is_revoked(hub: WholeHub) -> None:
    """Only its hash is kept, so no page could show it again."""
    text, number = make(hub, name="deploys", role="write")
    bearer = {"Authorization": f"Bearer {text}"}
    assert hub.client.get("/api/v1/jobs", headers=bearer).status_code == 200
    page = show(hub, "/admin/tokens")
    assert "deploys" in page
    assert text not in page
    assert hub.client.get("/admin/tokens", headers=bearer).status_code == 403
    made = hub.client.get("/api/v1/tokens?limit=1", headers=ADMIN).json()["items"][0]
    assert made["expires_at"] is not None
    assert "Revoked" in send(hub, f"/admin/tokens/{number}/revoke").text
    assert hub.client.get("/api/v1/jobs", headers=bearer).status_code == 401
    assert send(hub, f"/admin/tokens/{number}/revoke").status_code == 404


def test_an_answer_with_a_token_is_kept_nowhere(hub: WholeHub) -> None:
    """A browser's cache would show it again."""
    given = {"name": "ci", "role": "read", "lasting": "for ever"}
    assert send(hub, "/admin/tokens", **given).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "wrong",
    [{"role": "king"}, {"role": "admin", "folders": "team"}, {"lasting": "a while"}, {"name": " "}, {"role": "join"}],
)
def test_a_wrong_token_is_refused(hub: WholeHub, wrong: dict[str, str]) -> None:
    """As the API refuses it; and a token of a builder comes with the line that adds one."""
    given = {"name": "ci", "role": "read", "lasting": "a day", "folders": ""} | wrong
    status = send(hub, "/admin/tokens", **given).status_code
    assert status == (200 if wrong == {"role": "join"} else 422)


def test_a_session_ends_by_its_button(hub: WholeHub) -> None:
    """Who left a browser open elsewhere ends it from here."""
    text, _ = make(hub, name="laptop")
    with httpx2.Client(base_url=hub.url, headers={"Origin": hub.url, "Sec-Fetch-Site": "same-origin"}) as browser:
        browser.post("/login", data={"token": text})
        assert browser.get("/api/v1/jobs").status_code == 200
        found = re.search(r'action="/admin/sessions/(\d+)/end"', show(hub, "/admin/tokens"))
        assert found is not None
        assert send(hub, f"/admin/sessions/{found[1]}/end").status_code == 200
        assert browser.get("/api/v1/jobs").status_code == 401


def test_a_secret_is_set_replaced_and_removed_and_never_shown(hub: WholeHub) -> None:
    """docs/secrets.md: no page, and no answer, has a value."""
    given = {"name": "DEPLOY_KEY", "kind": "job", "scope": "team/app", "value": VALUE}
    page = send(hub, "/admin/secrets", **given)
    assert page.status_code == 200
    assert "DEPLOY_KEY" in page.text
    again = send(hub, "/admin/secrets", **given | {"value": VALUE + "-2"})
    assert again.text.count('name="name" value="DEPLOY_KEY"') == 1
    filled = show(hub, "/admin/secrets?name=DEPLOY_KEY&scope=team/app")
    assert VALUE not in page.text + again.text + filled
    assert "Seal all with the newest key" in filled
    assert send(hub, "/admin/secrets/rotate").status_code == 200
    assert hub.client.post("/api/v1/secrets/rotate", headers=ADMIN).json()["problems"] == []
    gone = send(hub, "/admin/secrets/remove", name="DEPLOY_KEY", scope="team/app")
    assert "DEPLOY_KEY</td>" not in gone.text.replace("<bdi>", "").replace("</bdi>", "")
    with hub.hub.site.database.reading() as connection:
        assert load_secrets(connection).items == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "job", "scope": ""}, {"kind": "all", "scope": "team"}, {"kind": "any"}, {"name": ""},
        {"value": "short"}, {"kind": "job", "scope": "team/typo"},
    ],
)  # fmt: skip
def test_a_wrong_secret_is_refused(hub: WholeHub, wrong: dict[str, str]) -> None:
    """A job that there is not may be a slip: its secret would be given to nobody."""
    given = {"name": "KEY", "kind": "folder", "scope": "team", "value": VALUE} | wrong
    answer = send(hub, "/admin/secrets", **given)
    assert answer.status_code == (404 if wrong.get("scope") == "team/typo" else 422)
    assert VALUE not in answer.text


def test_writers_of_a_folder_see_and_set_its_secrets_and_links_only(hub: WholeHub) -> None:
    """What lies elsewhere is as if it were not; what holds for all jobs is for administrators."""
    text, _ = make(hub, role="write", folders="team")
    below = {"Authorization": f"Bearer {text}"}
    for name, kind, scope in (("OURS", "folder", "team"), ("THEIRS", "folder", "other"), ("ALL", "all", "")):
        assert send(hub, "/admin/secrets", name=name, kind=kind, scope=scope, value=VALUE).status_code == 200
    page = show(hub, "/admin/secrets", below)
    assert ("OURS" in page, "THEIRS" in page, ">ALL<" in page, "/admin/tokens" in page) == (True, False, False, False)
    mine = {"name": "NEW", "kind": "job", "scope": "team/app", "value": VALUE}
    assert send(hub, "/admin/secrets", below, **mine).status_code == 200
    assert send(hub, "/admin/secrets", below, **mine | {"scope": "other/app"}).status_code == 404
    assert send(hub, "/admin/secrets", below, **mine | {"kind": "all", "scope": ""}).status_code == 403
    assert send(hub, "/admin/secrets/remove", below, name="THEIRS", scope="other").status_code == 404
    link = {"repo": "octo/r2", "kind": "branch", "globs": "", "job": "other/app"}
    assert send(hub, "/admin/links", below, **link).status_code == 404
    assert send(hub, "/admin/links", **link).status_code == 200
    assert "octo/r2" not in show(hub, "/admin/links", below)
    assert send(hub, "/admin/links/remove", below, **link).status_code == 404


def test_a_link_is_made_changed_and_ended(hub: WholeHub) -> None:
    """System 2's way: the pull requests of a repository have copies of a job."""
    given = {"repo": "octo/r1", "kind": "pull_request", "globs": "main, !wip/*", "job": "team/app"}
    assert "main !wip/*" in send(hub, "/admin/links", **given).text
    assert "release/*" in send(hub, "/admin/links", **given | {"globs": "release/*"}).text
    kept = hub.client.get("/api/v1/links/octo/r1/pull_request", headers=ADMIN).json()
    assert (kept["job"], kept["globs"]) == ("team/app", ["release/*"])
    assert send(hub, "/admin/links", **given | {"repo": "octo"}).status_code == 422
    assert send(hub, "/admin/links", **given | {"kind": "tag"}).status_code == 422
    assert send(hub, "/admin/links/remove", **given).status_code == 200
    assert hub.client.get("/api/v1/links/octo/r1/pull_request", headers=ADMIN).status_code == 404


def test_the_configuration_says_where_each_value_comes_from_and_hides_secrets(hub: WholeHub) -> None:
    """What an operator asks first when a hub behaves otherwise than the file says."""
    page = show(hub, "/admin/configuration?given=1")
    assert re.search(r"builds\.timeout</td><td[^>]*><bdi>7200</bdi></td><td[^>]*><strong><bdi>flag", page)
    assert "irc.password" in page
    assert VALUE not in show(hub, "/admin/configuration") + hub.client.get("/api/v1/configuration", headers=ADMIN).text
    assert "retention.logs" not in page
    assert "retention.logs" in show(hub, "/admin/configuration?find=retention")


def test_processes_are_there_or_lost(hub: WholeHub) -> None:
    """With several machines: who is there, of which release, and who died without a word."""
    assert hub.client.get("/api/v1/processes", headers=ADMIN).json() == {"processes": []}
    assert "Processes" not in show(hub, "/admin")
    now = time.time()
    one = Process(
        owner="pine-1-ab", kind="hub", address="http://10.0.0.7:8010", place="p", version="0.1.0", wire=2,
        started_at=now - 900, seen_at=now,
    )  # fmt: skip
    other = replace(one, owner="oak-2-cd", kind="worker", address="", place="", wire=3, seen_at=now - 60)
    for each in (one, other):
        hub.hub.site.database.write(partial(keep_process, one=each))
    told = hub.client.get("/api/v1/processes", headers=ADMIN).json()["processes"]
    assert [(each["kind"], each["state"], each["wire"], each["address"]) for each in told] == [
        ("hub", "there", 2, "http://10.0.0.7:8010"), ("worker", "lost", 3, None),
    ]  # fmt: skip
    page = show(hub, "/admin")
    assert re.search(r"Worker</td><td[^>]*><bdi>oak-2-cd</bdi></td>.*?Lost</span>", page)


def test_the_doctor_looks_when_asked(hub: WholeHub) -> None:
    """It takes seconds, so the page itself does not wait for it."""
    began = time.monotonic()
    assert "Look now" in show(hub, "/admin")
    assert time.monotonic() - began < 2
    page = send(hub, "/admin/doctor").text
    assert "it answers and can be written" in page
    names = {one["name"] for one in hub.client.post("/api/v1/doctor", headers=ADMIN).json()["findings"]}
    assert {"git", "database", "disk", "secrets", "github"} <= names


def test_hostile_names_stay_names(hub: WholeHub) -> None:
    """A token's name and who set a secret come from people."""
    evil = '"><script>alert(1)</script>'
    make(hub, name=evil)
    assert "<script>alert" not in show(hub, "/admin/tokens")
    assert "&lt;script&gt;alert" in show(hub, "/admin/tokens")
