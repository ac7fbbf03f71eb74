"""The first page: mine, broken, running, queue; for a folder only what is there; three doors while there is nothing."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import insert
from starlette.applications import Starlette

from git_repositories import GitRepository
from hubwright.hub.addresses import COMMAND, AddressRules
from hubwright.store import schema
from hubwright.store.tokens import keep_session, keep_token
from hubwright.web.gate import COOKIE, Gate
from hubwright.web.pages import assemble_pages
from hubwright.web.pages.registering import RegisterForm
from hubwright.web.problems import PROBLEM_HANDLERS
from hubwright.web.site import Site
from seed import ADMIN, NOW, Seed, seed_week, serving, tell
from served import make_site, make_wishes, serve

BROWSER = {"Accept": "text/html"}
Week = tuple[str, Site, dict[str, int]]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    folder = tmp_path_factory.mktemp("week")
    seed = Seed(folder)
    ids = seed_week(seed)
    job = seed.job("core/cli", "octo/cli")
    ids["of_ann"] = seed.build(job, 1, 50, repository="octo/cli", author_name="Ann", author_login="Ann-B")
    seed.run(ids["of_ann"], [("build", "finished", "success", "done\n")], 50, finished_at=seed.now)
    seed.close()
    with serving(folder) as (address, site):
        yield address, site, ids


def ask(week: Week, path: str = "/", **headers: str) -> str:
    with httpx2.Client(base_url=week[0], headers=BROWSER | headers, follow_redirects=True) as client:
        return client.get(path).text


def section(page: str, name: str) -> str:
    found = re.search(rf'<section class="card[^"]*" id="{name}".*?</section>', page, re.DOTALL)
    assert found is not None, name
    return found[0]


def test_a_name_that_the_browser_keeps_shows_what_is_mine(week: Week) -> None:
    """Without an account: the newest build of each branch and pull request that somebody of this name pushed."""
    assert 'name="me"' in section(ask(week), "mine")

    mine = section(ask(week, "/?me=Ada+Lovelace"), "mine")
    assert "Ada Lovelace" in mine
    assert len(set(re.findall(r'class="what" href="(/builds/\d+)"', mine))) >= 2
    assert "Grace" not in mine
    refs = re.findall(r"core/engine</bdi> #\d+ · <span class=\"ref\"><bdi>([^<]+)", mine)
    assert len(refs) == len(set(refs)), "one of each branch"

    assert f"/builds/{week[2]['of_ann']}" in section(ask(week, "/?me=ann-b"), "mine"), "logins go in any case"
    assert 'name="me"' in section(ask(week, "/?me="), "mine"), "the empty name is forgotten"


def test_who_logged_in_with_github_needs_no_name_and_can_have_no_other(week: Week) -> None:
    """A login is certain: a name that says the same is not enough."""
    secret = secrets.token_hex(32)
    site = week[1]
    text = site.database.write(
        lambda connection: keep_session(
            connection, secret, role="read", now=NOW, expires=NOW + 999, user=(7, "ann-b"), parent=None
        )
    )
    mine = section(ask(week, Cookie=f"{COOKIE}={text}; me=Ada%20Lovelace"), "mine")
    assert f"/builds/{week[2]['of_ann']}" in mine
    assert "Ada" not in mine
    assert "not me" not in mine


def test_who_sees_a_folder_finds_only_its_builds_on_the_first_page(week: Week) -> None:
    """With culprits and the queue as all have them, and no builder, for those are nobody's."""
    token = week[1].database.write(
        lambda connection: keep_token(
            connection, secrets.token_urlsafe(32), name="core", role="read", now=NOW, folders=["core"]
        )
    )
    page = ask(week, "/?me=Ada+Lovelace", Authorization=f"Bearer {token}")
    assert "since #37" in re.sub(r"<[^>]+>", "", section(page, "broken"))
    assert "core/engine" in section(page, "mine")
    assert "core/parser" in section(page, "queue")
    assert "site" not in re.findall(r"<bdi>([^<]+)</bdi>", page)
    assert "oak-1" not in page


def test_a_fresh_hub_shows_three_doors_and_the_demo_does_not_close_them(tmp_path: Path) -> None:
    """Try my repository, connect GitHub, add a builder: for who may, with forms, else with the line to type."""
    Seed(tmp_path).close()
    admin = {"Authorization": f"Bearer {ADMIN}"}
    with serving(tmp_path) as (address, site), httpx2.Client(base_url=address, headers=BROWSER) as client:
        doors = section(client.get("/").text, "doors")
        assert [door in doors for door in ("hubwright run", "hubwright register", "/github", "--join TOKEN")] == [
            True
        ] * 4
        doors = section(client.get("/", headers=admin).text, "doors")
        assert re.findall(r'<form[^>]+action="([^"]+)"', doors) == ["/repositories", "/builders/join"]

        def keep(path: str, repository: str) -> None:
            row = {"path": path, "repository": repository, "settings": {}, "created_at": NOW}
            site.database.write(lambda connection: connection.execute(insert(schema.job).values(row)))

        keep("hubwright/demo", "hubwright/demo")
        assert "This is the demo" in section(client.get("/").text, "doors")
        keep("team/app", "octo/app")
        assert 'id="doors"' not in client.get("/").text


def test_notifications_are_made_of_what_has_ended_since_and_is_watched_or_mine(week: Week) -> None:
    """No data goes through the stream: a tab asks what has ended, and is told nothing of what it does not wait for."""
    address, site, ids = week
    with httpx2.Client(base_url=address) as client:
        after = client.get("/fragments/ended").json()["after"]
        tell(site, ids["green"], "BuildFinished")
        tell(site, ids["of_ann"], "BuildFinished")
        tell(site, ids["red"], "StageFinished")

        def ended(query: str) -> list[int]:
            return [one["id"] for one in client.get(f"/fragments/ended?after={after}{query}").json()["ended"]]

        assert ended("") == []
        assert ended(f"&build={ids['green']}&build={ids['red']}&build=x") == [ids["green"]]
        client.cookies.set("me", "Ann")
        assert ended("&mine=1") == [ids["of_ann"]]
        told = client.get(f"/fragments/ended?after={after}&mine=1").json()
        assert told["ended"][0]["title"] == "✓ core/cli #1: Passed"
        assert (told["after"], told["more"]) == (after + 3, False)
        assert client.get(f"/fragments/ended?after={told['after']}&mine=1").json()["ended"] == []


def test_a_builds_stream_tells_of_news_elsewhere_only_to_who_asks(week: Week) -> None:
    """Who waits for another build is told on this page too; its own part of the page is not fetched for it."""
    address, site, ids = week
    query = {"build": ids["red"], "news": "1"}
    with httpx2.Client(base_url=address) as client, client.stream("GET", "/fragments/stream", params=query) as answer:
        lines = (line for line in answer.iter_lines() if line)
        assert next(lines) == "retry: 1000"
        tell(site, ids["green"])
        assert next(lines) == "event: news"
        assert next(lines) == "data:"
        tell(site, ids["red"])
        assert next(lines) == "event: facts"


def test_the_status_screen_is_read_from_afar_and_refreshes_itself(week: Week) -> None:
    """No navigation: what is broken and by whom, what runs, how much waits; a name, a shape and a word for each."""
    page = ask(week, "/tv")
    text = re.sub(r"<[^>]+>", "", page)
    assert "2 jobs broken" in text
    assert re.search(r"Failed since #37, .+\s+Grace Hopper: Rename tall to tail in struct ring", text)
    assert "core/parser #9" in text
    assert 'aria-label="Failed"' in page
    assert "<nav" not in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert 'data-stream="/fragments/stream"' in page


def test_the_navigation_has_no_door_that_is_shut_for_who_sees_it(week: Week) -> None:
    """Who sees a folder only is led to pages that show something of it."""
    token = week[1].database.write(
        lambda connection: keep_token(
            connection, secrets.token_urlsafe(32), name="nav", role="read", now=NOW, folders=["core"]
        )
    )
    mine = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=week[0], headers=BROWSER | mine) as client:
        nav = re.search(r'<nav id="nav".*?</nav>', client.get("/").text, re.DOTALL)
        assert nav is not None
        links = re.findall(r'href="([^"]+)"', nav[0])
        assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)
        assert len(links) >= 4
        assert "oak-1" not in client.get("/tv").text


def test_the_form_of_the_first_door_builds_a_repository(tmp_path: Path) -> None:
    """As `hubwright register` does; a command is no address here, and who may only read is refused."""
    GitRepository(tmp_path / "octo" / "hello.git").commit({"Makefile": "all:\n"})
    rules = AddressRules(clone_base=f"file://{tmp_path}", protocols=("https",))
    with make_site(tmp_path, admin_token=ADMIN) as site, make_wishes(site, tmp_path) as wishes:
        pages = assemble_pages(site, Gate(site))
        form = RegisterForm(pages.frame, wishes, rules)
        app = Starlette(routes=[*form.routes(), *pages.routes], exception_handlers=dict(PROBLEM_HANDLERS))
        with serve(app) as url, httpx2.Client(base_url=url, timeout=20) as client:

            def send(address: str, **headers: str) -> httpx2.Response:
                return client.post("/repositories", data={"url": address}, headers=headers)

            hello = f"file://{tmp_path}/octo/hello"
            admin = {"Authorization": f"Bearer {ADMIN}"}
            assert send(hello).status_code == 401
            assert send(f"{COMMAND}make", **admin).status_code == 403
            assert send("ftp://example.org/a/b", **admin).status_code == 400
            built = send(hello, **admin)
            assert (built.status_code, built.headers["location"]) == (303, "/builds/1")
            assert "octo/hello" in client.get("/builds/1").text
