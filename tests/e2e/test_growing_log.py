"""A log that grows, in a real browser: followed, cut off, asked for again, and never more often than it grows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from hubwright.web.site import Site
from seed import Seed, seed_week, serving
from waiting import until

LINES = re.compile(r"/fragments/runs/\d+/log")


@dataclass
class Reader:
    """Somebody who looks at the page of a run that prints."""

    page: Page
    site: Site
    run: int
    address: str

    @property
    def size(self) -> int:
        return self.site.logs.size(self.run)

    @property
    def last(self) -> Locator:
        return self.page.locator("#log .l").last

    @property
    def pill(self) -> Locator:
        return self.page.locator("#new-lines")

    def open(self) -> None:
        self.page.goto(self.address)
        expect(self.page.locator("#log")).to_contain_text("cc -c parser.c")

    def print(self, data: bytes) -> None:
        self.site.logs.append(self.run, self.size, data)

    def fail(self, *ways: Callable[[Route], object]) -> list[str]:
        """The next questions for lines go these ways; the addresses that were asked for then."""
        asked: list[str] = []

        def go(route: Route) -> None:
            asked.append(route.request.url)
            (ways[len(asked) - 1] if len(asked) <= len(ways) else Route.continue_)(route)

        self.page.route(LINES, go)
        return asked


@pytest.fixture
def reader(page: Page, tmp_path: Path) -> Iterator[Reader]:
    ids = _seed(tmp_path)
    with serving(tmp_path) as (address, site):
        yield Reader(page, site, ids["live_run"], f"{address}/builds/{ids['running']}/runs/{ids['live_run']}")


def _seed(folder: Path) -> dict[str, int]:
    seed = Seed(folder)
    ids = seed_week(seed)
    seed.close()
    return ids


def write_lines(count: int) -> bytes:
    return b"".join(b"line %d\r\n" % number for number in range(1, count + 1))


def numbers(page: Page) -> list[int]:
    return page.eval_on_selector_all("#log .l", "lines => lines.map(line => Number(line.id.slice(1)))")


def test_a_live_log_grows_and_survives_a_restart_without_gap_or_double(page: Page, tmp_path: Path) -> None:
    """The viewer is told "there is more" and fetches it; a cut stream finds its place again (peers.md: resume)."""
    ids = _seed(tmp_path)
    run = ids["live_run"]
    with serving(tmp_path) as (address, site):
        reader = Reader(page, site, run, f"{address}/builds/{ids['running']}/runs/{run}")
        reader.open()
        page.keyboard.press("G")
        first = reader.size
        for number in range(1, 1301):
            reader.print(f"fresh {number}\r\n".encode())
        reader.print(b"half a li")
        expect(page.locator("#log")).to_contain_text("half a li")
        expect(reader.last).to_be_in_viewport()  # it follows
        page.evaluate("scrollTo(0, 0)")
        reader.print(b"ne, now whole\r\n")
        expect(reader.pill).to_be_hidden()
        reader.print(b"one more\r\n")
        expect(reader.pill).to_contain_text("1 new line")
        port = int(address.rpartition(":")[2])
    page.wait_for_timeout(50)
    away = Logs(tmp_path / "logs", Bell())
    for number in range(1301, 1801):
        away.append(run, away.size(run), f"fresh {number}\r\n".encode())
    away.close()
    with serving(tmp_path, port) as (_, site):
        site.logs.append(run, site.logs.size(run), b"after the cut\r\n")
        page.keyboard.press("G")
        expect(reader.last).to_contain_text("after the cut")
        page.evaluate("document.querySelector('#stage-1').scrollIntoView()")  # what is far away is fetched when near
        until(lambda: len(numbers(page)) >= 1_800)
        shown = numbers(page)
        text = page.eval_on_selector_all("#log .l > span", "spans => spans.map(span => span.textContent)")
        assert shown == list(range(shown[0], shown[0] + len(shown)))
        assert [line for line in text if line.startswith("half")] == ["half a line, now whole"]
        fresh = [int(line.split()[1]) for line in text if line.startswith("fresh")]
        assert fresh == list(range(fresh[0], 1801))
        assert first > 0


def test_new_lines_are_counted_whoever_tells_of_them(reader: Reader) -> None:
    """The page may be fetched anew before the stream says "so many lines": the reader hears of them all the same."""
    told = "event: facts\ndata: 1\n\n"
    reader.page.route(re.compile("/stream"), lambda route: route.fulfill(content_type="text/event-stream", body=told))
    reader.open()
    reader.print(b"first\r\nsecond\r\n")
    expect(reader.pill).to_contain_text("2 new lines")
    reader.print(b"third\r\n")
    expect(reader.pill).to_contain_text("3 new lines")


def test_an_unfinished_line_is_asked_for_when_it_grows_and_not_otherwise(reader: Reader) -> None:
    """A reader who follows a log that waits in the middle of a line would have asked a hundred times a second."""
    reader.open()
    reader.page.keyboard.press("G")
    reader.print(write_lines(300) + b"half a li")
    expect(reader.last).to_contain_text("half a li")
    asked = reader.fail()
    reader.page.wait_for_timeout(500)
    assert len(asked) < 3
    for part in (b"n", b"e", b", now"):
        reader.print(part)
    expect(reader.last).to_contain_text("half a line, now")
    expect(reader.last).to_be_in_viewport()


def test_lines_that_the_hub_could_not_give_are_asked_for_again(reader: Reader) -> None:
    """Logs that hang: nothing tells of a log that stands still, and its last lines were those that failed."""
    reader.open()
    asked = reader.fail(Route.abort, Route.abort)
    reader.print(b"the last words\r\n")
    expect(reader.last).to_contain_text("the last words")
    assert len(asked) >= 3


def test_lines_that_nobody_answers_are_asked_for_again(reader: Reader) -> None:
    """A connection that died without a word is not waited for without end; its minute is shortened here."""
    reader.page.add_init_script(
        "const wait = AbortSignal.timeout; AbortSignal.timeout = (ms) => wait.call(AbortSignal, ms / 200);"
    )
    reader.open()
    asked = reader.fail(lambda _route: None)
    reader.print(b"the last words\r\n")
    expect(reader.last).to_contain_text("the last words")
    assert len(asked) >= 2


def test_following_is_not_lost_when_the_log_grows_under_the_readers_own_scrolling(reader: Reader) -> None:
    """The browser tells of a scroll a frame later; more lines may be there by then, and the end is further down."""
    page = reader.page
    reader.open()
    page.keyboard.press("G")
    page.evaluate("document.querySelector('#log').style.marginBottom = '900px'; dispatchEvent(new Event('scroll'))")
    reader.print(write_lines(300))
    expect(reader.last).to_contain_text("line 300")
    until(lambda: bool(page.evaluate("scrollY + innerHeight > document.documentElement.scrollHeight - 24")))
