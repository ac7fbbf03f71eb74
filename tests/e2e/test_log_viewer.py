"""The log viewer in a real browser: groups, times, search, links to lines, and the way to the next error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hubwright.hub.bell import Bell
from hubwright.hub.logs import Logs
from seed import Seed, seed_week, serving

BEGUN = 1_000.0
ERRORS = (4_321, 61_234)
LONG = 70_000


def write_long_log() -> bytes:
    """Groups of 90 lines each hundred, errors in two of them, and one group that nothing ends."""
    lines = []
    for number in range(1, LONG + 1):
        if number in ERRORS:
            lines.append(f"src/ring.c:{number}:1: error: no such member")
        elif number % 100 == 10:
            lines.append(f"::group::Unit {number // 100}")
        elif number % 100 == 99:
            lines.append("::endgroup::")
        else:
            lines.append(f"{number} needle" if number % 7_000 == 50 else f"{number} hay")
    return "".join(f"{line}\r\n" for line in lines).encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Logs, int]]:
    """Addresses of a long log that has ended and of one that grows, the logs, and the run that grows."""
    folder: Path = tmp_path_factory.mktemp("viewer")
    seed = Seed(folder)
    ids = seed_week(seed)
    job = seed.job("big", "octo/big")
    build = seed.build(job, 1, 500, repository="octo/big")
    run = seed.run(build, [("build", "finished", "success", "")], 500, finished_at=seed.now)
    seed.close()
    logs = Logs(folder / "logs", Bell())
    logs.clear(run)
    long = write_long_log()
    cut = long.index(b"150 hay")
    logs.append(run, 0, long[:cut], seed.now - 500)
    logs.append(run, cut, long[cut:], seed.now - 367)
    logs.close()
    with serving(folder) as (address, served):
        live = f"{address}/builds/{ids['running']}/runs/{ids['live_run']}"
        yield f"{address}/builds/{build}/runs/{run}", live, served.logs, ids["live_run"]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def test_groups_that_ended_well_are_folded_and_a_link_unfolds(page: Page, site: tuple[str, str, Logs, int]) -> None:
    """ux.md 1.2.2: the header says how long it took; what a link, a hit or an error is in opens."""
    page.goto(f"{site[0]}#L150")
    expect(page.locator("#L150")).to_be_in_viewport()
    expect(page.locator("#L110")).to_have_attribute("data-took", "2 min 13 s")
    expect(page.locator("#L250")).to_be_hidden()
    expect(page.locator("#L210 .toggle")).to_have_attribute("aria-expanded", "false")

    page.locator("#L210 .toggle").click()
    expect(page.locator("#L250")).to_be_visible()
    page.keyboard.press("x")
    expect(page.locator("#log details[open]")).to_have_count(0)
    page.keyboard.press("x")
    expect(page.locator("#L350")).to_be_visible()


def test_the_next_error_is_found_in_the_whole_log(page: Page, site: tuple[str, str, Logs, int]) -> None:
    """`e` and `E` go through lines that no browser has loaded."""
    page.goto(f"{site[0]}?line=1")
    for line in ERRORS:
        page.keyboard.press("e")
        expect(page.locator(f"#L{line}")).to_be_in_viewport()
    page.keyboard.press("E")
    expect(page.locator(f"#L{ERRORS[0]}")).to_be_in_viewport()
    page.keyboard.press("E")
    expect(page.locator("#say")).to_have_text("No other error that way.")


def test_a_search_goes_over_the_whole_log(page: Page, site: tuple[str, str, Logs, int]) -> None:
    """ux.md 1.2.7: hits with line numbers, n and N, only the matching lines with those around them."""
    page.goto(site[0])
    page.keyboard.press("Control+f")
    page.keyboard.type("Needle")
    page.keyboard.press("Enter")
    expect(page.locator("#found-count")).to_have_text("10 lines found")
    expect(page.locator("#hit")).to_have_text(re.compile("of 10"))
    page.locator("#found a[data-n='50']").click()
    expect(page.locator("#log .stages #L50")).to_be_in_viewport()
    expect(page.locator("#hit")).to_have_text("1 of 10")
    page.keyboard.press("n")
    expect(page.locator("#log .stages #L7050")).to_be_in_viewport()
    expect(page.locator("#L7050")).to_have_class(re.compile(r"\bhit\b.*\bnow\b"))
    page.keyboard.press("N")
    page.keyboard.press("N")
    expect(page.locator("#log .stages #L63050")).to_be_in_viewport()

    page.get_by_label("Only matches").check()
    expect(page.locator("#found .l")).to_have_count(70)
    expect(page.locator(".stages")).to_be_hidden()
    page.get_by_label("Only matches").uncheck()
    page.get_by_label("Regular expression").check()
    page.get_by_label("Search the whole log").fill("(")
    page.keyboard.press("Enter")
    expect(page.locator("#found-count")).to_contain_text("unterminated subpattern")


def test_a_search_that_got_no_answer_is_asked_again(page: Page, site: tuple[str, str, Logs, int]) -> None:
    """The hub starts again: Enter would else go to the next hit of a search that has none."""
    page.goto(site[0])
    page.evaluate("window.real = fetch; window.fetch = async () => { window.fetch = real; throw new TypeError(); }; 0")
    page.get_by_label("Search the whole log").fill("Needle")
    page.keyboard.press("Enter")
    assert page.evaluate("fetch === real")
    page.keyboard.press("Enter")
    expect(page.locator("#found-count")).to_have_text("10 lines found")


def test_lines_are_picked_and_copied(page: Page, site: tuple[str, str, Logs, int]) -> None:
    """ux.md 1.2.4: click and shift-click, plain text with real newlines."""
    page.goto(f"{site[0]}?line=1")
    page.locator("#L3 > a").click()
    page.locator("#L5 > a").click(modifiers=["Shift"])
    assert page.url.endswith("#L3-L5")
    expect(page.locator("#picked strong")).to_have_text("Lines 3 to 5")
    expect(page.locator("#picked a")).to_have_attribute("href", re.compile(r"/api/v1/runs/\d+/log\?start=3&end=5$"))
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#picked [role=status]")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_times_turn_and_pauses_are_marked(page: Page, site: tuple[str, str, Logs, int]) -> None:
    """ux.md 1.2.5: off, relative, absolute, remembered; a pause of more than ten seconds is seen at once."""
    page.goto(f"{site[0]}?line=149")
    expect(page.locator("#L150")).to_have_attribute("data-gap", "+2 min 13 s")
    page.keyboard.press("t")
    expect(page.locator("#times-mode")).to_have_text("relative")
    before, after = (page.locator(f"#L{line} > a").get_attribute("data-time") for line in (149, 150))
    assert (before, after) != (None, None)
    assert before != after
    page.keyboard.press("t")
    expect(page.locator("#L150 > a")).to_have_attribute("data-time", re.compile(r"^\d\d:\d\d:\d\d\.000$"))
    page.reload()
    expect(page.locator("#times-mode")).to_have_text("absolute")
    page.keyboard.press("t")
    expect(page.locator("#log.timed")).to_have_count(0)


def test_a_group_that_runs_stays_open_and_folds_when_it_has_ended(page: Page, site: tuple[str, str, Logs, int]) -> None:
    """While the log grows; lines keep their numbers, and none is lost."""
    _, live, logs, run = site
    page.goto(live)
    expect(page.locator("#log")).to_contain_text("cc -c parser.c")
    page.keyboard.press("G")
    logs.append(run, logs.size(run), b"::group::Slow tests\r\ntest 1\r\ntest 2\r\n")
    expect(page.get_by_text("test 2")).to_be_visible()
    logs.append(run, logs.size(run), b"::endgroup::\r\nafter it\r\n")
    expect(page.get_by_text("after it")).to_be_visible()
    expect(page.get_by_text("test 2")).to_be_hidden()
    page.get_by_text("Slow tests").click()
    expect(page.get_by_text("test 2")).to_be_visible()


def test_a_search_works_without_scripts(browser: Browser, site: tuple[str, str, Logs, int]) -> None:
    """ux.md 1.2.11: the form is a form; each hit is a link to its line."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site[0])
    page.get_by_label("Search the whole log").fill("needle")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#found-count")).to_have_text("10 lines found")
    expect(page.locator("#found .l")).to_have_count(10)
    expect(page.locator(".toggle:visible")).to_have_count(0)
    context.close()
