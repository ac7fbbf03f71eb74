"""A log that grows, in a real browser: followed, cut off, asked for again, and never more often than it grows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from seed import Seed, seed_week, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test for anything that reaches the browser's console as an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert [text for text in complaints if "net::" not in text] == []  # the server goes before the page


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.03)


def numbers(page: Page) -> list[int]:
    return page.eval_on_selector_all("#log .l", "lines => lines.map(line => Number(line.id.slice(1)))")


def test_a_live_log_grows_and_survives_a_restart_without_gap_or_double(page: Page, tmp_path: Path) -> None:
    """The viewer is told "there is more" and fetches it; a cut stream finds its place again (peers.md: resume)."""
    seed = Seed(tmp_path)
    ids = seed_week(seed)
    seed.close()
    run = ids["live_run"]
    with serving(tmp_path) as (address, site):
        page.goto(f"{address}/builds/{ids['running']}/runs/{run}")
        expect(page.locator("#log")).to_contain_text("cc -c parser.c")
        page.keyboard.press("G")
        first = site.logs.size(run)
        for number in range(1, 1301):
            site.logs.append(run, site.logs.size(run), f"fresh {number}\r\n".encode())
        site.logs.append(run, site.logs.size(run), b"half a li")
        expect(page.locator("#log")).to_contain_text("half a li")
        expect(page.locator("#log .l").last).to_be_in_viewport()  # it follows
        page.evaluate("scrollTo(0, 0)")
        site.logs.append(run, site.logs.size(run), b"ne, now whole\r\n")
        expect(page.locator("#new-lines")).to_be_hidden()
        site.logs.append(run, site.logs.size(run), b"one more\r\n")
        expect(page.locator("#new-lines")).to_contain_text("1 new line")
        port = int(address.rpartition(":")[2])
    page.wait_for_timeout(50)
    away = Logs(tmp_path / "logs", Bell())
    for number in range(1301, 1801):
        away.append(run, away.size(run), f"fresh {number}\r\n".encode())
    away.close()
    with serving(tmp_path, port) as (_, site):
        site.logs.append(run, site.logs.size(run), b"after the cut\r\n")
        page.keyboard.press("G")
        expect(page.locator("#log .l").last).to_contain_text("after the cut")
        page.evaluate("document.querySelector('#stage-1').scrollIntoView()")  # what is far away is fetched when near
        wait_until(lambda: len(numbers(page)) >= 1_800)
        shown = numbers(page)
        text = page.eval_on_selector_all("#log .l > span", "spans => spans.map(span => span.textContent)")
        assert shown == list(range(shown[0], shown[0] + len(shown)))
        assert [line for line in text if line.startswith("half")] == ["half a line, now whole"]
        fresh = [int(line.split()[1]) for line in text if line.startswith("fresh")]
        assert fresh == list(range(fresh[0], 1801))
        assert first > 0


def test_new_lines_are_counted_whoever_tells_of_them(page: Page, tmp_path: Path) -> None:
    """The page may be fetched anew before the stream says "so many lines": the reader hears of them all the same."""
    seed = Seed(tmp_path)
    ids = seed_week(seed)
    seed.close()
    run = ids["live_run"]
    with serving(tmp_path) as (address, site):
        page.route(
            re.compile("/stream"),
            lambda route: route.fulfill(content_type="text/event-stream", body="event: facts\ndata: 1\n\n"),
        )
        page.goto(f"{address}/builds/{ids['running']}/runs/{run}")
        expect(page.locator("#log")).to_contain_text("cc -c parser.c")
        site.logs.append(run, site.logs.size(run), b"first\r\nsecond\r\n")
        expect(page.locator("#new-lines")).to_contain_text("2 new lines")
        site.logs.append(run, site.logs.size(run), b"third\r\n")
        expect(page.locator("#new-lines")).to_contain_text("3 new lines")


def test_an_unfinished_line_is_asked_for_when_it_grows_and_not_otherwise(page: Page, tmp_path: Path) -> None:
    """A reader who follows a log that waits in the middle of a line would have asked a hundred times a second."""
    seed = Seed(tmp_path)
    ids = seed_week(seed)
    seed.close()
    run = ids["live_run"]
    asked: list[str] = []
    with serving(tmp_path) as (address, site):
        page.goto(f"{address}/builds/{ids['running']}/runs/{run}")
        expect(page.locator("#log")).to_contain_text("cc -c parser.c")
        page.keyboard.press("G")
        site.logs.append(run, site.logs.size(run), b"".join(b"line %d\r\n" % number for number in range(300)))
        site.logs.append(run, site.logs.size(run), b"half a li")
        expect(page.locator("#log .l").last).to_contain_text("half a li")
        page.on("request", lambda request: "/log?" in request.url and asked.append(request.url))
        page.wait_for_timeout(500)
        assert len(asked) < 3
        for part in (b"n", b"e", b", now"):
            site.logs.append(run, site.logs.size(run), part)
        expect(page.locator("#log .l").last).to_contain_text("half a line, now")
        expect(page.locator("#log .l").last).to_be_in_viewport()


def test_lines_that_the_hub_could_not_give_are_asked_for_again(page: Page, tmp_path: Path) -> None:
    """Logs that hang: nothing tells of a log that stands still, and its last lines were those that failed."""
    seed = Seed(tmp_path)
    ids = seed_week(seed)
    seed.close()
    run = ids["live_run"]
    failures = iter([1, 2])

    def fail_twice(route: Route) -> None:
        if next(failures, None):
            route.abort()
        else:
            route.continue_()

    with serving(tmp_path) as (address, site):
        page.goto(f"{address}/builds/{ids['running']}/runs/{run}")
        expect(page.locator("#log")).to_contain_text("cc -c parser.c")
        page.route(re.compile(r"/fragments/runs/\d+/log"), fail_twice)
        site.logs.append(run, site.logs.size(run), b"the last words\r\n")
        expect(page.locator("#log .l").last).to_contain_text("the last words")
        assert list(failures) == []


def test_following_is_not_lost_when_the_log_grows_under_the_readers_own_scrolling(page: Page, tmp_path: Path) -> None:
    """The browser tells of a scroll a frame later; more lines may be there by then, and the end is further down."""
    seed = Seed(tmp_path)
    ids = seed_week(seed)
    seed.close()
    run = ids["live_run"]
    with serving(tmp_path) as (address, site):
        page.goto(f"{address}/builds/{ids['running']}/runs/{run}")
        expect(page.locator("#log")).to_contain_text("cc -c parser.c")
        page.keyboard.press("G")
        page.evaluate("document.querySelector('#log').style.marginBottom = '900px'; dispatchEvent(new Event('scroll'))")
        site.logs.append(run, site.logs.size(run), b"".join(b"line %d\r\n" % number for number in range(1, 301)))
        expect(page.locator("#log .l").last).to_contain_text("line 300")
        wait_until(lambda: bool(page.evaluate("scrollY + innerHeight > document.documentElement.scrollHeight - 24")))
