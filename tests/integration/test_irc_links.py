"""Accounts on IRC are linked on a page: a code proves the account, the session the login."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from hubwright.irc.answers.links import hash_code
from hubwright.store.irc_accounts import keep_code, load_login
from hubwright.store.tokens import keep_session
from quiet_hub import WholeHub, open_whole_hub
from served import NOW


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    with open_whole_hub(tmp_path_factory.mktemp("hub"), lambda: NOW) as hub:
        yield hub


def login_of(hub: WholeHub, account: str) -> str | None:
    with hub.hub.site.database.reading() as connection:
        return load_login(connection, account)


def browser_of(hub: WholeHub, login: str | None, role: str = "read") -> httpx2.Client:
    """A session of our own page; `login` of who logged in with GitHub."""
    user = None if login is None else (7, login)
    text = hub.hub.site.database.write(
        lambda it: keep_session(it, f"s-{login}-{role}", role=role, now=NOW, expires=NOW + 999, user=user)
    )
    cookies, headers = {hub.hub.gate.cookie: text}, {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8010"}
    return httpx2.Client(base_url=hub.url, cookies=cookies, headers=headers, follow_redirects=True)


def test_who_has_the_code_and_a_login_links_the_account(hub: WholeHub) -> None:
    """Opening the address changes nothing; the code is good once."""
    hub.hub.site.database.write(lambda it: keep_code(it, "Ann_", hash_code("the-code"), NOW + 60))
    with browser_of(hub, "Ann") as ann, browser_of(hub, "mallory") as mallory:
        page = ann.get("/irc/link?code=the-code").raise_for_status().text
        assert "The code was told to the account <strong><bdi>ann_</bdi></strong>" in page
        assert login_of(hub, "ann_") is None
        assert "This code is not good" in ann.get("/irc/link?code=other").text
        page = ann.post("/irc/link", data={"code": "the-code"}).raise_for_status().text
        assert login_of(hub, "Ann_") == "ann"
        assert "End the link of ann_" in page
        answer = mallory.post("/irc/link", data={"code": "the-code"})
        assert answer.status_code == 422
        assert "no longer" in answer.text
        assert mallory.post("/irc/link/remove", data={"account": "ann_"}).status_code == 404
        assert "ann_" not in mallory.get("/irc/link").text
        assert ann.post("/irc/link/remove", data={"account": "ann_"}).status_code == 200
        assert login_of(hub, "ann_") is None


def test_nobody_is_linked_who_is_not_known_at_github(hub: WholeHub) -> None:
    """A token proves no login; an administrator may say whose an account is."""
    with browser_of(hub, None) as somebody, browser_of(hub, None, "admin") as admin:
        assert 'href="/login"' in somebody.get("/irc/link?code=the-code").text
        assert somebody.post("/irc/link", data={"code": "the-code"}).status_code == 403
        named = {"account": "Bob", "login": "Bob-At-GitHub"}
        assert somebody.post("/irc/link/somebody", data=named).status_code == 403
        assert login_of(hub, "bob") is None
        assert "bob-at-github" in admin.post("/irc/link/somebody", data=named).raise_for_status().text
        assert login_of(hub, "BOB") == "bob-at-github"
        admin.post("/irc/link/remove", data={"account": "bob"}).raise_for_status()
        assert login_of(hub, "bob") is None
