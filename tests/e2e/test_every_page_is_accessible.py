"""WCAG 2.2 AA, as far as axe-core finds it by itself: every page, light and dark, wide and as narrow as a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from chromium import Watched, open_chromium, open_page
from hubwright.web.pages.places import PLACES
from page_world import PageWorld, open_page_world

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NARROW = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 800}

_RUN = """async (options) => (await axe.run(document, {resultTypes: ["violations"], ...options})).violations.flatMap(
  (one) => one.nodes.map((node) => `${one.id} at ${node.target.join(" ")}: ${node.failureSummary}`))"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageWorld]:
    with open_page_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with open_chromium() as browser, open_page(browser) as opened:
        yield opened


def find_faults(page: Page) -> Iterator[str]:
    """What is wrong with a page that is open, and how it was looked at."""
    yield from (f"light: {fault}" for fault in run_axe(page, {"type": "tag", "values": TAGS}))
    page.emulate_media(color_scheme="dark")
    yield from (f"dark: {fault}" for fault in run_axe(page, {"type": "rule", "values": ["color-contrast"]}))
    page.set_viewport_size(NARROW)
    narrow = ["target-size", "scrollable-region-focusable"]
    yield from (f"narrow: {fault}" for fault in run_axe(page, {"type": "rule", "values": narrow}))
    wide = page.evaluate("document.documentElement.scrollWidth")
    yield from [f"narrow: it is {wide} wide (1.4.10)"] if wide > NARROW["width"] else []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(WIDE)


def run_axe(page: Page, which: dict[str, Any]) -> list[str]:
    found: list[str] = page.evaluate(_RUN, {"runOnly": which})
    return found


def test_every_page_is_accessible(world: PageWorld, watched: Watched) -> None:
    """One browser and one visit for each page; whatever a script complains of is a fault too."""
    faults = []
    for place in PLACES:
        watched.page.goto(world.url + world.address_of(place))
        watched.page.evaluate(AXE_SCRIPT)
        faults += [(place.address, fault) for fault in find_faults(watched.page)]
        faults += [(place.address, complaint) for complaint in watched.take_complaints()]
    assert not faults, "\n".join(f"{address}: {fault}" for address, fault in faults)
