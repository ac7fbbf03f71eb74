"""The page of a build and the files that it kept, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from kept_files import keep, keep_build
from quiet_hub import WholeHub, open_whole_hub
from seed import ADMIN, Seed, serving
from seeded_builds import seed_states
from served import NOW

REPORT = b"""<!doctype html><title>Coverage</title><link rel="stylesheet" href="look.css"><h1>Coverage</h1>
<img src="mark.svg" alt="mark"><img src="/api/v1/builds" alt="secret">
<script>document.title = "ran"; document.cookie = "a=b"</script>
<form action="/builds/1/rerun" method="post"><button>Take the prize</button></form>"""
MARK = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><script>1</script><circle r="9"/></svg>'


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, int]]]:
    folder = tmp_path_factory.mktemp("builds")
    seed = Seed(folder)
    ids = seed_states(seed)
    seed.close()
    with serving(folder) as (address, _):
        yield address, ids


def test_a_bar_of_the_timeline_leads_to_its_log_and_its_table_opens_by_key(
    page: Page, builds: tuple[str, dict[str, int]]
) -> None:
    """ux.md 1.3: click → log; without a mouse the table has the same links."""
    address, ids = builds
    page.goto(f"{address}/builds/{ids['failed']}")
    bar = page.locator(".time-chart .bar.failure")
    expect(bar).to_have_count(1)
    box, chart = bar.bounding_box(), page.locator(".time-chart").bounding_box()
    assert box is not None
    assert chart is not None
    assert chart["x"] <= box["x"] < box["x"] + box["width"] <= chart["x"] + chart["width"] + 1
    assert box["height"] >= 16
    page.locator("#timeline-table > summary").press("Enter")
    expect(page.get_by_role("cell", name="failed, 12 s")).to_be_visible()

    bar.click()
    expect(page).to_have_url(f"{address}/builds/{ids['failed']}/runs/3#stage-1")


def test_keys_lead_along_the_branch_and_from_failure_to_failure(page: Page, builds: tuple[str, dict[str, int]]) -> None:
    """Concourse#439: `h` and `l`; and what is looked for most, the last time that it failed."""
    address, ids = builds
    page.goto(f"{address}/builds/{ids['cancelled']}")
    for key, there in (("l", "error"), ("[", "failed"), ("]", "error"), ("h", "cancelled")):
        page.keyboard.press(key)
        expect(page).to_have_url(f"{address}/builds/{ids[there]}")


@pytest.mark.parametrize("width", [1280, 390])
def test_no_state_of_a_build_is_wider_than_the_window(
    browser: Browser, builds: tuple[str, dict[str, int]], width: int
) -> None:
    """Phones scroll one way."""
    address, ids = builds
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    wide = []
    for name, number in ids.items():
        page.goto(f"{address}/builds/{number}")
        found = page.evaluate("document.documentElement.scrollWidth")
        wide += [(name, found)] if found > width else []
    context.close()
    assert wide == []


def keep_report(hub: WholeHub) -> None:
    place: Any = SimpleNamespace(site=hub.hub.site, rows=hub.rows)
    hub.rows.keep_job()
    keep_build(place, 1)
    for name, data in (("index.html", REPORT), ("look.css", b"h1 { color: rgb(1, 2, 3) }"), ("mark.svg", MARK)):
        keep(place, 1, f"report/{name}", data)


def test_a_report_that_a_build_made_can_be_read_and_can_do_nothing(page: Page, tmp_path: Path) -> None:
    """S28: on a private hub, logged in: styles and pictures are there, scripts, forms and cookies are not."""
    with open_whole_hub(tmp_path, lambda: NOW, admin_token=ADMIN) as hub:
        with ThreadPoolExecutor(1) as thread:  # this one has Playwright's loop
            thread.submit(keep_report, hub).result()
        page.goto(f"{hub.url}/login")
        page.locator("input[type=password]").fill(ADMIN)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{hub.url}/")
        asked: list[tuple[str, str | None]] = []
        page.on("request", lambda request: asked.append((request.url, request.all_headers().get("cookie"))))

        page.goto(f"{hub.url}/builds/1/artifacts?folder=report")
        page.get_by_role("link", name="look at index.html").click()

        expect(page.locator("h1")).to_have_css("color", "rgb(1, 2, 3)")
        assert page.locator("img[alt=mark]").evaluate("image => image.complete && image.naturalWidth") == 40
        assert page.locator("img[alt=secret]").evaluate("image => image.naturalWidth") == 0
        assert page.title() == "Coverage", "its script did not run"
        assert page.evaluate("window.origin") == "null"
        page.get_by_role("button").click()
        assert "/kept/" in page.url
        cookies = {cookie for url, cookie in asked if url.endswith(("look.css", "mark.svg", "/api/v1/builds"))}
        assert cookies == {None}
        assert not any("/rerun" in url for url, _ in asked)
