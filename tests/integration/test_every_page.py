"""Every page of a whole hub with a week behind it: the register knows all of them, and each says what it should."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote

import httpx2
import pytest

from door_rules import rule_of
from hubwright.web.pages.places import PLACES, PUBLIC, find_place
from page_reading import Read, find_foreign
from page_world import ELSEWHERE, PageWorld, open_page_world
from quiet_hub import Door

NO_PAGES = (
    "/api/", "/artifacts/", "/badge/", "/builds/{id}/look/", "/cctray.xml", "/download/latest", "/favicon.ico",
    "/feeds/", "/fragments/", "/github/app/created", "/healthz", "/kept/", "/livez", "/login/github",
    "/metrics", "/openapi.json", "/provenance/", "/readyz", "/schema/", "/static/", "/tasks/status/",
)  # fmt: skip
"""Doors that answer GET with something that is no page, by how they begin."""

NO_LOOK = ("/login/github", "/download/", "/openapi.json", "/artifacts/", "/api/v1/runs/")
"""Links that lead out of the pages: to GitHub, and to files."""


def _is_file(link: str) -> bool:
    return link.startswith(NO_LOOK) or "/artifacts.zip" in link


LOADED = frozenset({"stylesheet", "modulepreload"})

LISTS = frozenset({"/builds"})
"""System 0's list, which is no page either."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageWorld]:
    with open_page_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(world: PageWorld) -> dict[str, httpx2.Response]:
    """Every page, by the pattern of its address."""
    with world.client() as client:
        return {pattern: client.get(address) for pattern, address in world.addresses().items()}


def test_every_page_is_a_place_and_every_place_a_page(world: PageWorld) -> None:
    """Whoever makes a page adds it to the register: navigation, help and all tests below go by it."""
    doors = [door for door in world.hub.doors() if door.method == "GET" and _is_page(door)]
    places = {re.sub(r":[a-z]+}", "}", place.address): place for place in PLACES}
    assert {door.path for door in doors} == set(places)
    for door in doors:
        rule = rule_of(door)
        assert rule is not None
        assert {"public": PUBLIC, "own": PUBLIC}.get(rule.needs, rule.needs) == places[door.path].role, door.path


def _is_page(door: Door) -> bool:
    return not door.path.startswith(NO_PAGES) and door.path not in LISTS


def test_every_page_can_be_shown(pages: dict[str, httpx2.Response]) -> None:
    """With a week behind it, whatever is in that."""
    wrong = {pattern: page.status_code for pattern, page in pages.items() if page.status_code != 200}
    assert set(wrong) == ELSEWHERE, {pattern: pages[pattern].text[-600:] for pattern in set(wrong) - ELSEWHERE}
    assert all(page.headers["content-type"].startswith("text/html") for page in pages.values())


@pytest.fixture(scope="module")
def reads(pages: dict[str, httpx2.Response]) -> dict[str, Read]:
    """Every page as elements and text, without scripts."""
    return {pattern: Read(page.text) for pattern, page in pages.items()}


def test_every_page_has_a_title_a_headline_and_landmarks(reads: dict[str, Read]) -> None:
    """Who hears a page finds the way by them (WCAG 2.4.2, 2.4.6, 2.4.1)."""
    wrong = []
    titles = Counter(_title(read) for read in reads.values())
    for pattern, read in reads.items():
        tags = Counter(element.tag for element in read.elements)
        ids = Counter(element.attributes["id"] for element in read.elements if "id" in element.attributes)
        wrong += [(pattern, "headlines", tags["h1"])] if tags["h1"] != 1 else []
        wrong += [(pattern, "twice", name) for name, count in ids.items() if count > 1]
        wrong += [(pattern, "lacks", tag) for tag in ("main", "html") if tags[tag] != 1]
        wrong += [(pattern, "title", _title(read))] if not _title(read).endswith("Hubwright") else []
        wrong += [(pattern, "lang", "")] if not read.all("html")[0].attributes.get("lang") else []
    assert not wrong
    assert max(titles.values()) <= 3, titles.most_common(3)


def _title(read: Read) -> str:
    return read.html.partition("<title>")[2].partition("</title>")[0]


def test_every_page_is_strict(pages: dict[str, httpx2.Response], reads: dict[str, Read]) -> None:
    """Nothing inline, nothing from elsewhere, no frames; and its headers say so to the browser."""
    wrong = []
    for pattern, page in pages.items():
        policy = page.headers.get("content-security-policy", "")
        wrong += [(pattern, policy)] if "unsafe" in policy or "default-src 'self'" not in policy else []
        wrong += [(pattern, "nosniff")] if page.headers.get("x-content-type-options") != "nosniff" else []
        wrong += [(pattern, found) for found in find_foreign(reads[pattern])]
    assert not wrong


def test_every_link_of_every_page_leads_somewhere(world: PageWorld, reads: dict[str, Read]) -> None:
    """A link that answers 404 is worse than none; and fragments name what is on the page."""
    addresses = world.addresses()
    links = {link for pattern, read in reads.items() for link in read.links(addresses[pattern])}
    with world.client() as client:
        client.follow_redirects = False
        status = {link: client.get(link).status_code for link in sorted(links) if not _is_file(link)}
    wrong = {
        link: (code, [pattern for pattern, read in reads.items() if link in read.links(addresses[pattern])])
        for link, code in status.items()
        if code >= 400 and link not in ELSEWHERE
    }
    assert not wrong


def test_every_place_is_reached_by_links_from_home(world: PageWorld, reads: dict[str, Read]) -> None:
    """By the way that the register tells: from the navigation or the help, then from page to page."""
    addresses = world.addresses()
    missing = []
    for place in PLACES:
        starts = (place.reached_from,) if place.reached_from else ("/", "/help")
        links = {link for start in starts for link in reads[start].links(addresses[start])}
        found = {find_place(unquote(link.partition("?")[0])) for link in links}
        missing += [] if place in found or place.address in ELSEWHERE else [f"{place.address} from {starts}"]
    assert not missing


def test_every_page_reads_without_scripts_and_is_light(world: PageWorld, reads: dict[str, Read]) -> None:
    """40 kB of scripts and styles at most, packed, charts included, and 200 kB of page."""
    assets: dict[str, int] = {}
    wrong: list[tuple[str, str, int]] = []
    with world.client() as client:
        for pattern, read in reads.items():
            names = {one.attributes.get("src", "") for one in read.all("script")}
            names |= {one.attributes["href"] for one in read.all("link") if one.attributes["rel"] in LOADED}
            for name in names - {""} - set(assets):
                assets[name] = len(gzip.compress(client.get(name).content))
            weight = sum(assets[name] for name in names - {""})
            wrong += [(pattern, "assets", weight)] if weight > 40_000 else []
            wrong += [(pattern, "page", len(read.html))] if len(read.html) > 200_000 and pattern != "/docs" else []
            wrong += [(pattern, "says nothing", len(read.text))] if len(read.text.split()) < 30 else []
    assert not wrong
