"""Pages that stay open: what changes is put in place, a hub that goes away and comes back, notifications."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from sqlalchemy import update

from hubwright.store import schema
from hubwright.web.site import Site
from seed import Seed, seed_week, serving, tell
from waiting import until

FAKE_NOTIFICATIONS = """
window.Notification = class {
  static permission = localStorage.getItem("permission") ?? "default";
  static async requestPermission() {
    localStorage.setItem("permission", "granted");
    return Notification.permission = "granted";
  }
  constructor(title, options) { (window.told ??= []).push([title, options.tag]); }
  addEventListener() {}
};
"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def week(tmp_path: Path) -> tuple[Path, dict[str, int]]:
    seed = Seed(tmp_path)
    ids = seed_week(seed)
    seed.close()
    return tmp_path, ids


def finish(site: Site, build: int, result: str) -> None:
    """The build's end, as the hub keeps and tells it."""
    ended = {"state": "finished", "result": result, "finished_at": site.clock()}
    for table, column in ((schema.run, schema.run.c.build_id), (schema.build, schema.build.c.id)):
        site.database.write(lambda c, t=table, k=column: c.execute(update(t).where(k == build).values(**ended)))
    tell(site, build, "BuildFinished")


def test_rows_come_and_go_and_what_the_reader_does_stays(
    context: BrowserContext, week: tuple[Path, dict[str, int]]
) -> None:
    """No jump, no lost focus, no element that is made anew although it is the same; icon and title follow."""
    page = context.new_page()
    with serving(week[0]) as (address, site):
        page.goto(address)
        expect(page).to_have_title(re.compile("^✕ 2 broken"))
        row = page.locator("#newest a.what").nth(5)
        row.focus()
        place = "document.activeElement.getBoundingClientRect().top"
        page.evaluate("document.activeElement.closest('li').seen = true")
        page.evaluate("scrollTo(0, 200)")
        before = page.evaluate(place)

        finish(site, week[1]["running"], "failure")

        expect(page).to_have_title(re.compile("^✕ 3 broken"))
        expect(page.locator("#running")).to_contain_text("Nothing runs")
        expect(row).not_to_be_focused()  # another is the sixth now
        assert page.evaluate("document.activeElement.closest('li').seen")
        assert abs(page.evaluate(place) - before) < 2
        expect(page.locator("#say")).to_have_text("3 jobs are broken")


def test_a_hub_that_comes_back_is_followed_on(context: BrowserContext, week: tuple[Path, dict[str, int]]) -> None:
    """The page says since when it knows nothing; what happened meanwhile is there when the hub is."""
    page = context.new_page()
    with serving(week[0]) as (address, _):
        port = int(address.rpartition(":")[2])
        page.goto(f"{address}/builds/{week[1]['running']}")
        page.evaluate("window.same = true")
    expect(page.locator("#offline")).to_contain_text("Offline since")
    with serving(week[0], port) as (address, site):
        finish(site, week[1]["running"], "success")
        expect(page).to_have_title(re.compile("^✓ core/parser #9"))
        expect(page.locator("#offline")).to_be_hidden()
        assert page.evaluate("window.same"), "it was not loaded anew"


def test_notifications_are_asked_for_by_a_button_and_remembered(
    context: BrowserContext, week: tuple[Path, dict[str, int]]
) -> None:
    """Told on any page, each once, and never without the button."""
    context.add_init_script(FAKE_NOTIFICATIONS)
    page = context.new_page()
    with serving(week[0]) as (address, site):
        page.goto(f"{address}/builds/{week[1]['running']}")
        button = page.get_by_role("button", name="Tell me when it is done")
        expect(button).to_have_attribute("aria-pressed", "false")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        page.goto(f"{address}/help")
        until(
            lambda: page.evaluate("JSON.parse(localStorage.notices).after") is not None, what="it knows where to go on"
        )

        finish(site, week[1]["running"], "failure")

        until(lambda: page.evaluate("window.told?.length"), what="it is told")
        assert page.evaluate("window.told") == [["✕ core/parser #9: Failed", f"build-{week[1]['running']}"]]
        assert page.evaluate("JSON.parse(localStorage.notices).builds") == []

        page.goto(f"{address}/?me=Grace+Hopper")
        page.get_by_role("button", name="Tell me when they end").click()
        until(lambda: page.evaluate("JSON.parse(localStorage.notices).mine"), what="it is remembered")
        tell(site, week[1]["red"], "BuildFinished")  # of Ada's
        tell(site, week[1]["first_red"], "BuildFinished")
        until(lambda: page.evaluate("window.told?.length"), what="it is told")
        assert page.evaluate("window.told") == [["✕ core/engine #37: Failed", f"build-{week[1]['first_red']}"]]
