"""Every page of a whole hub with a week behind it: the register knows all of them, and each says what it should."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest

from door_rules import rule_of
from hubwright.web.pages.places import PLACES, PUBLIC
from page_world import ELSEWHERE, PageWorld, open_page_world
from quiet_hub import Door

NO_PAGES = (
    "/api/", "/artifacts/", "/badge/", "/download/latest", "/favicon.ico", "/fragments/", "/github/app/created",
    "/healthz", "/livez", "/login/github", "/metrics", "/openapi.json", "/provenance/", "/readyz", "/schema/",
    "/static/", "/tasks/status/",
)  # fmt: skip
"""Doors that answer GET with something that is no page, by how they begin."""

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
