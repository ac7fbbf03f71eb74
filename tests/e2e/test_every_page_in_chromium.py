"""Every page in a real browser: reached with the keyboard alone, the focus seen; and hostile names do nothing there."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from chromium import open_page
from hostile_names import HOSTILE_LOG, MARK
from hubwright.web.pages.places import PLACES, find_place
from page_world import ELSEWHERE, PageWorld, open_page_world

MOST_STOPS = 400
"""Presses of Tab after which a page is given up."""

NOTE_FOCUS = """
window.stops = [];
const WHERE = "a, button, input, select, textarea, summary, [tabindex]";
const LOOKS = ["outlineStyle", "outlineWidth", "boxShadow", "backgroundColor", "borderColor", "clipPath"];
const look = (element) => { const found = getComputedStyle(element); return LOOKS.map((name) => found[name]).join(); };
addEventListener("DOMContentLoaded", () => { // how each looks without the focus
  window.plain = new Map([...document.querySelectorAll(WHERE)].map((element) => [element, look(element)]));
});
addEventListener("focusin", ({target}) => {
  const seen = !plain.has(target) || plain.get(target) !== look(target);
  stops.push({href: target.href ?? "", seen, told: target.outerHTML.slice(0, 120)});
});
"""

COUNT_CALLS = f"window.calls = 0; window.{MARK} = () => calls++; window.alert = () => calls++;"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageWorld]:
    with open_page_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


def tab_through(page: Page) -> list[dict[str, str | bool]]:
    """Where Tab stops, from the top of the page until it leaves it at the end."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body || document.activeElement === null"):
            break
    stops: list[dict[str, str | bool]] = page.evaluate("stops")
    return stops


def test_every_page_is_reached_by_keyboard_alone(browser: Browser, world: PageWorld) -> None:
    """By the way of the register: Tab finds a link to each page on the one before; it is seen where the focus is."""
    starts = {place.reached_from for place in PLACES if place.reached_from} | {"/", "/help"}
    addresses, found, unseen = world.addresses(), {}, []
    with open_page(browser, NOTE_FOCUS) as watched:
        for start in sorted(starts):
            watched.page.goto(world.url + addresses[start])
            stops = tab_through(watched.page)
            assert 0 < len(stops) < MOST_STOPS, start
            unseen += [(start, stop["told"]) for stop in stops if not stop["seen"]]
            paths = (unquote(urlsplit(str(stop["href"])).path) for stop in stops if stop["href"])
            found[start] = {find_place(path) for path in paths}
        assert watched.take_complaints() == []
    ways = {place: (place.reached_from,) if place.reached_from else ("/", "/help") for place in PLACES}
    lost = [place.address for place, starts in ways.items() if not any(place in found[start] for start in starts)]
    assert set(lost) <= ELSEWHERE
    assert unseen == []


def test_keys_lead_to_the_places_of_the_navigation(browser: Browser, world: PageWorld) -> None:
    """A single key, from any page; none of them while one writes."""
    with open_page(browser) as watched:
        for place in (one for one in PLACES if one.key):
            watched.page.goto(f"{world.url}/help")
            watched.page.locator("html.js").wait_for()
            watched.page.keyboard.press(place.key)
            expect(watched.page, place.key).to_have_url(world.url + place.address)


def test_hostile_names_do_nothing_in_a_browser(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No call, no dialog, no element and no word of the content policy, with all scripts at work."""
    wrong = []
    with (
        open_page_world(tmp_path_factory.mktemp("hostile"), hostile=True) as world,
        open_page(browser, COUNT_CALLS) as watched,
    ):
        logs, run = world.hub.hub.site.logs, world.ids["red_run"]
        logs.append(run, logs.size(run), HOSTILE_LOG)
        for pattern, address in world.addresses().items():
            watched.page.goto(world.url + address)
            watched.page.locator("html.js").wait_for()
            watched.page.keyboard.press("End")
            made = watched.page.evaluate(f"calls + document.querySelectorAll('{MARK}, [onerror], [src=x]').length")
            wrong += [(pattern, f"{made} made")] if made else []
            wrong += [(pattern, complaint) for complaint in watched.take_complaints()]
    assert not wrong
