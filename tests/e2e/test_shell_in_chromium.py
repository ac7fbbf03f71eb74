"""What all pages share, in a real browser: keys, the palette, the menu of a phone, the theme."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from seed import Seed, seed_week, serving


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("week")
    seed = Seed(folder)
    seed_week(seed)
    seed.close()
    with serving(folder) as (address, _):
        yield address


def test_the_palette_leads_anywhere_by_some_letters(page: Page, address: str) -> None:
    """ux.md 1.4: `.`, some letters, Enter; arrows choose another."""
    page.goto(f"{address}/queue")
    page.keyboard.press(".")
    expect(page.get_by_role("dialog", name="Search")).to_contain_text("Deliveries")
    page.keyboard.type("eng 38")
    expect(page.locator("#finder #found li")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/builds/38")

    page.keyboard.press(".")
    page.keyboard.type("core")
    expect(page.locator("#finder #found li")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}/jobs/core/parser")

    page.keyboard.press(".")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_letters_lead_through_lists_and_up(page: Page, address: str) -> None:
    """The rows of any list have the focus in turn; `-` goes up from any page, where there is a path above it or not."""
    page.goto(f"{address}/jobs")
    rows = page.locator("#jobs .what")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    second = page.evaluate(
        "[...document.querySelectorAll('main :is(.builds, .files) > li')][1].querySelector('a').href"
    )
    assert page.evaluate("document.activeElement.href") == second
    expect(rows.first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(second)
    page.goto(f"{address}/jobs/core/engine")
    page.keyboard.press("-")
    expect(page).to_have_url(f"{address}/jobs/core")
    page.goto(f"{address}/queue")
    page.keyboard.press("-")
    expect(page).to_have_url(f"{address}/")


def test_single_keys_can_be_switched_off_all_of_them(page: Page, address: str) -> None:
    """WCAG 2.1.4: speech input types letters; the list of keys is reached by its button all the same."""
    page.goto(f"{address}/builds/38")
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Single keys are on").uncheck()
    page.get_by_role("button", name="Close").click()
    page.reload()
    for key in ("?", ".", "h", "-", "j"):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_be_hidden()
    assert page.url == f"{address}/builds/38"


def test_a_phone_has_all_pages_behind_one_button(page: Page, address: str) -> None:
    """Nothing is pushed out of sight sideways; the menu closes by itself when one looks elsewhere."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(address)
    link = page.get_by_role("navigation", name="Main").get_by_role("link", name="Builders")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(link).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    link.click()
    expect(page).to_have_url(f"{address}/builders")
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(link).to_have_attribute("aria-current", "page")


def test_the_theme_is_kept_and_sent_with_the_page(page: Page, address: str) -> None:
    """No flash: what the server sends has it already. Dark, light, then as the system has it."""
    page.goto(address)
    for theme in ("dark", "light"):
        page.get_by_role("button", name=re.compile("^Theme")).click()
        answer = page.reload()
        assert answer is not None
        assert f'data-theme="{theme}"' in answer.text()
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == theme
    page.get_by_role("button", name="Theme: light").click()
    answer = page.reload()
    assert answer is not None
    assert "data-theme" not in answer.text()


def test_the_first_stop_of_the_keyboard_skips_to_the_content(page: Page, address: str) -> None:
    """WCAG 2.4.1."""
    page.goto(f"{address}/jobs")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
