"""Feeds as their readers take them: valid, whole, and never markup by what commits say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from lxml import etree
from starlette.applications import Starlette

from build_lives import Clock, Lives
from hubwright.store.schema import build
from hubwright.web.feeds import make_feeds
from hubwright.web.gate import Gate
from hubwright.web.problems import PROBLEM_HANDLERS
from served import NOW, make_site, serve

ATOM = "{http://www.w3.org/2005/Atom}"
SCHEMA = etree.XMLSchema(file=Path(__file__).parent.parent / "data" / "cctray.xsd")
HOSTILE = "]]><script>alert(1)</script>&#0;\x00\ufffe\u202e & more"


class Feeds:
    """A hub with the doors of feeds, and builds that live and end in its database."""

    def __init__(self, lives: Lives, url: str) -> None:
        self.lives = lives
        self.url = url

    def get(self, path: str, **query: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", params=query)

    def entries(self, **query: str) -> list[Any]:
        """The entries of the feed of builds, which must be what RFC 4287 asks for."""
        answer = self.get("/feeds/builds.atom", **query)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "application/atom+xml")
        root = etree.fromstring(answer.content)
        assert root.tag == f"{ATOM}feed"
        found = root.findall(f"{ATOM}entry")
        for node in (root, *found):
            assert all(node.find(f"{ATOM}{name}") is not None for name in ("id", "title", "updated"))
        assert root.find(f"{ATOM}link[@rel='self']") is not None
        assert all(entry.find(f"{ATOM}author/{ATOM}name").text for entry in found)
        assert len({entry.find(f"{ATOM}id").text for entry in found}) == len(found)
        return list(found)

    def titles(self, **query: str) -> list[str]:
        return [entry.find(f"{ATOM}title").text for entry in self.entries(**query)]

    def projects(self, **query: str) -> dict[str, Any]:
        """The projects by name, of a document that must be valid."""
        root = etree.fromstring(self.get("/cctray.xml", **query).content)
        SCHEMA.assertValid(root)
        return {one.get("name"): dict(one.attrib) for one in root}


@pytest.fixture
def feeds(tmp_path: Path) -> Iterator[Feeds]:
    with make_site(tmp_path) as site:
        app = Starlette(routes=make_feeds(site, Gate(site)), exception_handlers=PROBLEM_HANDLERS)
        with serve(app) as url:
            yield Feeds(Lives(site.database, Clock(NOW)), url)


def test_the_feed_tells_what_each_end_means(feeds: Feeds) -> None:
    lives = feeds.lives
    lives.live(lives.build("a" * 40), 0, 0)
    lives.live(lives.build("b" * 40), 2)
    lives.live(lives.build("c" * 40), 2)
    lives.live(lives.build("d" * 40), 0, 0)
    lives.build("e" * 40)  # still waits
    told = [title.partition(":")[0] for title in feeds.titles()]
    assert told == [
        "✓ octo/hello #4 main fixed",
        "✕ octo/hello #3 main still failing",
        "✕ octo/hello #2 main broken",
        "✓ octo/hello #1 main passed",
    ]
    assert len(feeds.titles(turns="broken,fixed")) == 2
    assert len(feeds.titles(limit="1")) == 1
    assert feeds.titles(job="octo/other") == []
    assert len(feeds.titles(result="success", branch="main", repo="octo/hello")) == 2
    assert "stage build" in feeds.entries(result="failure")[0].find(f"{ATOM}summary").text


def test_what_commits_say_is_text(feeds: Feeds) -> None:
    """XML can't hold every character, and a reader may show titles as markup."""
    lives = feeds.lives
    number = lives.build("a" * 40)
    lives.live(number, 0, 0)
    change = build.update().where(build.c.id == number).values(message=HOSTILE, author_name=HOSTILE)
    lives.database.write(lambda connection: connection.execute(change))
    (entry,) = feeds.entries()
    assert len(entry.findall(f".//{ATOM}*")) == len(list(entry.iterdescendants()))
    assert "<script>alert(1)</script>" in entry.find(f"{ATOM}title").text
    assert "\u202e" not in entry.find(f"{ATOM}title").text


@pytest.mark.parametrize("query", [{"turns": "red"}, {"limit": "0"}, {"limit": "x"}, {"result": "bad"}, {"jobs": "a"}])
def test_a_filter_that_is_not_known_is_refused(feeds: Feeds, query: dict[str, str]) -> None:
    """It would silently show everything."""
    answer = feeds.get("/feeds/builds.atom", **query)
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, next(iter(query)))


def test_tray_programs_see_how_each_job_stands(feeds: Feeds) -> None:
    """CCMenu and its kin: one project a job, as its default branch stands; a job that never ended a build is none."""
    lives = feeds.lives
    assert feeds.projects() == {}
    lives.live(lives.build("a" * 40), 0, 0)
    waiting = lives.build("b" * 40)
    known = feeds.projects()["octo/hello"]
    assert (known["lastBuildStatus"], known["lastBuildLabel"], known["activity"]) == ("Success", "1", "Sleeping")
    lives.start(lives.runs(waiting)[0])
    assert feeds.projects()["octo/hello"]["activity"] == "Building"
    lives.end(lives.runs(waiting)[0], 2)
    assert feeds.projects()["octo/hello"]["lastBuildStatus"] == "Failure"
    broken = lives.build("c" * 40)
    lives.start(lives.runs(broken)[0])
    lives.end(lives.runs(broken)[0], detail="The disk is full.")
    assert feeds.projects(folder="octo")["octo/hello"]["lastBuildStatus"] == "Exception"
    assert feeds.projects(folder="nobody") == {}
