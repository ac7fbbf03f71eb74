"""Charts in a real browser: under the strict policy, from tables that are there without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from seed import Seed, serving
from tested_job import JOB, seed_tests


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("charts")
    seed = Seed(folder)
    seed_tests(seed)
    seed.close()
    with serving(folder) as (address, _):
        yield address


@pytest.mark.parametrize("width", [1280, 390])
def test_charts_are_drawn_from_their_tables(browser: Browser, address: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark")
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/trends/{JOB}")
    page.wait_for_selector(".uplot canvas")
    assert page.locator(".uplot canvas").count() == page.locator("figure.trend").count() == 6
    assert page.locator("figure details[open]").count() == 0
    first = page.locator(".uplot canvas").first
    drawn = first.evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(part => part > 0)"
    )
    assert drawn
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
    assert complaints == []


def test_without_scripts_the_numbers_are_open(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/trends/{JOB}")
    assert page.locator("figure details[open]").count() == 6
    assert page.locator("figure table").first.is_visible()
    context.close()
