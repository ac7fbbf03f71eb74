"""The pages in a real browser: the failing line in one click, logs that live, keys, strict content policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from hubwright.store import schema
from seed import ADMIN, Seed, seed_week, serving, tell

LONG = 100_000


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    folder = tmp_path_factory.mktemp("week")
    seed = Seed(folder)
    ids = seed_week(seed)
    job = seed.job("big", "octo/big")
    ids["long"] = seed.build(job, 1, 500, repository="octo/big")
    output = "".join(f"{number} of the long log\r\n" for number in range(3, LONG + 1))
    ids["long_run"] = seed.run(ids["long"], [("build", "finished", "success", output)], 500, finished_at=seed.now)
    seed.close()
    return folder, ids


def numbers(page: Page) -> list[int]:
    return page.eval_on_selector_all("#log .l", "lines => lines.map(line => Number(line.id.slice(1)))")


def test_the_failing_line_is_one_click_from_home(page: Page, week: tuple[Path, dict[str, int]]) -> None:
    """What GitHub Actions needs four pages for: home names what broke and who, one click shows the line."""
    with serving(week[0]) as (address, _):
        page.goto(address)
        expect(page.locator("#broken")).to_contain_text("since #37 by Grace Hopper")

        page.get_by_role("link", name="core/engine: build, test failed").click()

        line = page.locator("#problems .l.err").first
        expect(line).to_contain_text("src/ring.c:88:23: error: 'struct ring' has no member named 'tail'")
        expect(line).to_be_in_viewport()
        expect(page.locator("#log #stage-1")).to_have_attribute("open", "")
        assert page.title().startswith("✕ core/engine #38")


def test_any_line_of_a_long_log_is_reached_at_once(page: Page, week: tuple[Path, dict[str, int]]) -> None:
    """Woodpecker#6875, Concourse#1917: 100,000 lines must not hang the tab; only what is near is in the page."""
    with serving(week[0]) as (address, _):
        log = f"{address}/builds/{week[1]['long']}/runs/{week[1]['long_run']}"
        page.goto(f"{log}#L54321-L54323")
        expect(page.locator("#L54321")).to_be_in_viewport()
        expect(page.locator("#L54321")).to_contain_text("54321 of the long log")
        expect(page.locator(".l.sel")).to_have_count(3)

        page.get_by_label("Line", exact=True).fill("99998")
        page.keyboard.press("Enter")
        expect(page.locator("#L99998")).to_be_in_viewport()
        assert page.url.endswith("#L99998")

        page.locator("#L100000 > a").click(modifiers=["Shift"])
        assert page.url.endswith("#L99998-L100000")
        assert len(numbers(page)) < 50_000


def test_no_page_breaks_its_content_policy_and_hostile_names_stay_text(
    page: Page, week: tuple[Path, dict[str, int]]
) -> None:
    """S31, S32: names and output from outside are data; a violation or a script would show in the console."""
    folder, ids = week
    with serving(folder) as (address, _):
        build = f"/builds/{ids['green'] + 4}"
        for path in (
            "/",
            "/jobs",
            "/jobs/evil",
            "/jobs/core/engine",
            build,
            f"/builds/{ids['red']}",
            f"/builds/{ids['running']}",
            "/queue",
            "/builders",
            "/builders/oak-1",
            "/builders/beastie",
            "/downloads/core/engine",
            "/downloads/core/parser",
            "/login",
            "/deliveries",
            "/help",
        ):
            answer = page.goto(address + path)
            assert answer is not None
            assert answer.status == 200
            assert "script-src 'self';" in answer.headers["content-security-policy"]
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)
            assert page.locator("img[src=x], a[href^='javascript:']").count() == 0
        page.goto(address + build)
        expect(page.locator("h1")).to_have_text('x"><img src=x onerror=alert(1)>⟨U+202E⟩txt.exe')


def test_a_phone_shows_whole_rows(page: Page, week: tuple[Path, dict[str, int]]) -> None:
    """What a run waits for, and how a builder does, are read without pushing tables sideways."""
    page.set_viewport_size({"width": 390, "height": 800})
    with serving(week[0]) as (address, _):
        page.goto(f"{address}/queue")
        expect(page.locator("#queue")).to_contain_text("No builder has ever matched 'windows-x86_64'")
        page.goto(f"{address}/builders")
        expect(page.get_by_role("row", name="oak-1")).to_contain_text("0.1.0")
        for path in ("/queue", "/builders", "/builders/oak-1", "/downloads/core/engine", "/deliveries"):
            page.goto(address + path)
            sideways = "[...document.querySelectorAll('.card')].filter(one => one.scrollWidth > one.clientWidth).length"
            assert page.evaluate(sideways) == 0, path


def test_a_token_logs_a_browser_in(page: Page, week: tuple[Path, dict[str, int]]) -> None:
    """The page for those who have no link: in the look of the others, and within their content policy."""
    with serving(week[0]) as (address, _):
        page.goto(f"{address}/login")
        page.get_by_label("A token").fill(ADMIN)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{address}/")
        page.goto(f"{address}/builders")
        expect(page.get_by_role("button", name="Make a join token")).to_be_visible()


def test_keys_lead_through_a_build(page: Page, week: tuple[Path, dict[str, int]]) -> None:
    """ux.md 1.4: `?` lists the keys, stages and errors are reached by one letter, and keys can be turned off."""
    with serving(week[0]) as (address, _):
        page.goto(f"{address}/builds/{week[1]['red']}")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text("next, previous stage")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_hidden()

        page.keyboard.press("e")
        expect(page.locator("#L14")).to_be_in_viewport()
        page.keyboard.press("x")
        expect(page.locator("#log details[open]")).to_have_count(0)
        page.keyboard.press("g")
        page.keyboard.press("j")
        expect(page.locator("#stage--1 summary")).to_be_focused()
        page.keyboard.press("h")
        expect(page).to_have_url(f"{address}/builds/{week[1]['first_red']}")
        page.keyboard.press("-")
        expect(page).to_have_url(f"{address}/jobs/core/engine")

        page.goto(f"{address}/builds/{week[1]['red']}")
        page.keyboard.press("?")
        page.get_by_label("Single keys are on").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("h")
        expect(page).to_have_url(f"{address}/builds/{week[1]['red']}")


def test_all_can_be_read_without_scripts(browser: Browser, week: tuple[Path, dict[str, int]]) -> None:
    """ux.md 1.2.11: page, the last thousand lines, links to the others."""
    folder, ids = week
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    with serving(folder) as (address, _):
        page.goto(f"{address}/builds/{ids['red']}")
        expect(page.locator("#problems .l.err").first).to_be_visible()
        expect(page.locator("#log #L14")).to_contain_text("has no member named")

        page.goto(f"{address}/builds/{ids['long']}")
        expect(page.locator(f"#log #L{LONG}")).to_be_visible()
        page.get_by_role("link", name="Earlier lines").click()
        expect(page.locator("#log #L99002")).to_be_visible()
        expect(page.locator("#log .l")).to_have_count(1000)
    context.close()


def test_title_icon_and_stages_turn_as_the_build_goes_on(page: Page, tmp_path: Path) -> None:
    """Drone's best loved detail, on every tab of the build: no reload, no flash, one event stream."""
    seed = Seed(tmp_path)
    ids = seed_week(seed)
    seed.close()
    with serving(tmp_path) as (address, site):
        page.goto(f"{address}/builds/{ids['running']}")
        assert page.title().startswith("◔")
        build, run = schema.build, schema.run
        ended = {"state": "finished", "result": "success", "finished_at": seed.now}
        page.locator("#stage-1 summary").click()
        stage = schema.stage
        broken = {"state": "finished", "result": "failure"}
        here = (stage.c.run_id == ids["live_run"]) & (stage.c.position == 1)
        site.database.write(lambda c: c.execute(update(stage).where(here).values(**broken)))
        tell(site, ids["running"], "StageFinished")
        expect(page.locator("#stage-1.failure")).to_have_attribute("open", "")
        site.database.write(lambda c: c.execute(update(run).where(run.c.build_id == ids["running"]).values(**ended)))
        site.database.write(lambda c: c.execute(update(build).where(build.c.id == ids["running"]).values(**ended)))

        tell(site, ids["running"], "BuildFinished")

        expect(page).to_have_title(re.compile("^✓ core/parser #9"))
        expect(page.locator("#favicon")).to_have_attribute("href", re.compile("favicon-success.svg$"))
        expect(page.locator("#headline .state")).to_have_text("Passed")
        expect(page.locator("#say")).to_have_text("Build 9: Passed")
