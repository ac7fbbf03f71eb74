"""WCAG 2.2 AA as far as axe-core finds it, and looks: every page, light and dark, wide and as on a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from chromium import Watched, open_chromium, open_page
from hubwright.web.pages.places import PLACES
from looks import LOOKED_AT, MOST, Looks, file_of, shoot, show_views
from page_world import PageWorld, open_page_world

pytestmark = pytest.mark.timeout(400)  # one visit to each page is the setup of the first test

VIEWS: dict[str, dict[str, Any]] = {
    "light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "dark": {"type": "rule", "values": ["color-contrast"]},
    "narrow": {"type": "rule", "values": ["target-size", "scrollable-region-focusable"]},
}
"""What is asked in each view of a page: everything once, then what may be otherwise."""

_RUN = """async (options) => (await axe.run(document, {resultTypes: ["violations"], ...options})).violations.flatMap(
  (one) => one.nodes.map((node) => `${one.id} at ${node.target.join(" ")}: ${node.failureSummary}`))"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageWorld]:
    with open_page_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with open_chromium() as browser, open_page(browser, AXE_SCRIPT) as opened:
        yield opened


@dataclass
class Walk:
    """What one visit to every page has found."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    apart: dict[str, float] = field(default_factory=dict)


@pytest.fixture(scope="module")
def walk(world: PageWorld, watched: Watched) -> Walk:
    """One browser and one visit for each page."""
    found, looks, page = Walk(), Looks(watched.page), watched.page
    for place in PLACES:
        page.goto(world.url + world.address_of(place))
        faults, shots = [], []
        for view in show_views(page):
            faults += [f"{view}: {fault}" for fault in run_axe(page, VIEWS[view])]
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            faults += [f"{view}: it is {wide} too wide (1.4.10)"] if wide > 0 else []
            shots += [shoot(page)] if place in LOOKED_AT else []
        found.faults += [(place.address, fault) for fault in faults + watched.take_complaints()]
        if shots:
            kept = file_of(place)
            found.apart[place.address] = looks.compare(kept.read_bytes(), looks.join(shots)) if kept.exists() else 1.0
    return found


def run_axe(page: Page, which: dict[str, Any]) -> list[str]:
    found: list[str] = page.evaluate(_RUN, {"runOnly": which})
    return found


def test_every_page_is_accessible(walk: Walk) -> None:
    """Whatever a script complains of is a fault too."""
    assert not walk.faults, "\n".join(f"{address}: {fault}" for address, fault in walk.faults)


def test_every_page_looks_as_it_did(walk: Walk) -> None:
    """Loosely: what moved, broke or lost its colour. `python tests/looks.py` keeps the looks of now."""
    assert not {address: round(part, 3) for address, part in walk.apart.items() if part > MOST}


def test_a_page_without_its_styles_looks_otherwise(world: PageWorld, watched: Watched, walk: Walk) -> None:
    """Pictures that allow for everything would be no test."""
    del walk  # its visits come first
    watched.page.route("**/*.css", lambda route: route.abort())
    watched.page.goto(world.url)
    looks = Looks(watched.page)
    bare = looks.join([shoot(watched.page) for _ in show_views(watched.page)])
    watched.page.unroute_all()
    assert looks.compare(file_of(PLACES[0]).read_bytes(), bare) > 3 * MOST
