"""Tabs that nobody looks at: they miss nothing, and ask for nothing that can't come any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from test_live_pages_in_chromium import finish

from chromium import open_page
from seed import Seed, seed_week, serving
from waiting import until

SCRIPT = """
let hidden = false;
Object.defineProperty(document, "hidden", { get: () => hidden });
window.turn = (value) => { hidden = value; document.dispatchEvent(new Event("visibilitychange")); };
window.streams = [];
window.EventSource = class extends EventSource { constructor(address) { super(address); streams.push(this); } };
window.living = () => streams.filter((one) => one.readyState !== 2).length;
"""
TAKE_SEATS = """() => Promise.all([0, 1, 2].map((place) => new Promise((taken) => {
  navigator.locks.request(`stream-${place}`, () => { taken(); return new Promise(() => 0); });
})))"""


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("week")
    seed = Seed(folder)
    ids = seed_week(seed)
    seed.close()
    return folder, ids


def pages_asked(page: Page, path: str) -> list[str]:
    """Which pages are asked for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: request.url.endswith(path) and asked.append(request.url))
    return asked


def test_a_stream_that_was_cut_when_its_tab_was_hidden_comes_back(
    browser: Browser, week: tuple[Path, dict[str, int]]
) -> None:
    """Else the tab would tell of nothing until somebody looks at it again."""
    with serving(week[0]) as (address, _), open_page(browser, SCRIPT) as watched:
        page = watched.page
        page.clock.install()
        page.route("**/stream**", lambda route: route.abort())
        page.goto(address)
        until(lambda: page.evaluate("streams.length === 1 && living() === 0"))
        page.unroute("**/stream**")
        page.evaluate("turn(true)")

        until(lambda: page.evaluate("streams.length === 2 && living() === 1"))
        page.clock.run_for(30_000)
        assert page.evaluate("[streams.length, living()]") == [2, 1]


def test_a_hidden_tab_without_a_stream_looks_until_its_build_has_ended(
    browser: Browser, week: tuple[Path, dict[str, int]]
) -> None:
    """Somebody may leave a hundred tabs of ended builds open for weeks."""
    path = f"/builds/{week[1]['running']}"
    with serving(week[0]) as (address, site), open_page(browser, SCRIPT) as watched:
        page = watched.page
        page.clock.install()
        page.goto(address + path)
        until(lambda: page.evaluate("living() === 1"))
        page.evaluate(TAKE_SEATS)
        asked = pages_asked(page, path)
        page.evaluate("turn(true)")
        until(lambda: page.evaluate("living() === 0"))
        until(lambda: page.clock.run_for(5000) or asked)

        finish(site, week[1]["running"], "success")
        until(lambda: page.clock.run_for(5000) or page.title().startswith("✓ core/parser #9"))
        looks = len(asked)
        page.clock.run_for(200_000)
        page.evaluate("turn(false)")
        page.clock.run_for(1000)
        assert (len(asked), page.evaluate("living()")) == (looks, 0)
