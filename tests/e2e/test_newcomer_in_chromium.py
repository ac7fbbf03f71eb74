"""The pages over a real hub, with real git and builds: a newcomer's first hour, and a hub that dies under a page."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from chromium import open_page
from command_line import run
from fake_github import FakeGitHub
from hub_process import ADMIN, HubProcess, Make
from waiting import until

PATIENCE = 40_000
"""Milliseconds that a build may take on a busy machine until a page shows it."""

RECIPE = "stages:\n- build: cc -c -o ring.o ring.c\n- test: echo all is well\n"
GOOD = "int tall;\nint main(void) { return tall; }\n"
BAD = "int tall;\nint main(void) { return tail; }\n"
LINES = 700


def test_a_newcomer_goes_from_empty_to_green_to_broken_to_fixed(
    browser: Browser, github: FakeGitHub, make: Make, folder: Path
) -> None:
    """One open page, never loaded again: it shows the first build, what broke in one click, and that it is mended."""
    repository = make({".hubwright.yml": RECIPE, "ring.c": GOOD})
    with HubProcess(folder, github=github) as hub, open_page(browser, token="") as watched:
        page = watched.page
        link = re.search(r"Log in once with\s+(\S+)", until(lambda: "Log in once" in hub.said and hub.said))
        assert link is not None
        page.goto(link[1])
        expect(page.locator("main")).to_contain_text("hubwright register https://github.com/")

        registered = run(hub, "register", repository.clone_url)
        assert registered.returncode == 0, registered.stderr
        page.goto(hub.url)
        expect(page.locator("#newest").get_by_role("img", name="Passed")).to_be_visible(timeout=PATIENCE)
        expect(page.locator("#broken")).to_contain_text("No job is broken")

        hub.deliver("push", repository.push({"ring.c": BAD}, "Rename tall"))
        expect(page.locator("#broken")).to_contain_text(f"{repository.full_name}: build failed", timeout=PATIENCE)
        page.get_by_role("link", name=f"{repository.full_name}: build failed").click()
        line = page.locator("#problems .l.err").first
        expect(line).to_contain_text("ring.c:2:25: error:")
        expect(line).to_be_in_viewport()
        expect(page).to_have_title(re.compile("^✕ "))

        page.goto(hub.url)
        hub.deliver("push", repository.push({"ring.c": GOOD}, "Name it tall again"))
        expect(page.locator("#broken")).to_contain_text("No job is broken", timeout=PATIENCE)
        assert watched.take_complaints() == []


def test_who_comes_late_sees_all_and_goes_on_when_the_hub_comes_back(
    browser: Browser, github: FakeGitHub, make: Make, folder: Path
) -> None:
    """Opened in mid-stage the log is whole (actions/runner#886); a killed hub leaves neither gap nor double in it."""
    gates = [folder / "first", folder / "second"]
    waits = [f"while ! test -e {gate}; do sleep 0.05; done" for gate in gates]
    said = [f"seq -f 'line %g' {at * LINES + 1} {(at + 1) * LINES}" for at in range(3)]
    script = "; ".join([said[0], waits[0], said[1], waits[1], said[2]])
    repository = make({".hubwright.yml": f"stages:\n- build: {script}\n"})
    with HubProcess(folder, github=github) as hub, open_page(browser, token=ADMIN) as watched:
        hub.deliver("push", repository.push_payload())
        running = hub.begun(repository, f"line {LINES}\n".encode())
        page = watched.page
        page.goto(f"{hub.url}/builds/{hub.builds(repository)[0]['id']}/runs/{running['id']}")
        read_until(page, LINES)

        hub.restart(wait=gates[0].touch)
        read_until(page, 2 * LINES)
        gates[1].touch()
        expect(page).to_have_title(re.compile("^✓ "), timeout=PATIENCE)
        assert read_until(page, 3 * LINES) == list(range(1, 3 * LINES + 1))


def read_until(page: Page, last: int) -> list[int]:
    """Follow the log to this line of ours; then all of ours from the first to it, as one reads who goes on and on."""
    page.keyboard.press("G")
    expect(page.locator("#log")).to_contain_text(f"line {last}", timeout=PATIENCE)
    page.keyboard.press("g")
    return until(lambda: _read(page, last), 30, "the whole log")


def _read(page: Page, last: int) -> list[int] | None:
    """The lines that are there, once nothing is missing between them; else on to what is missing."""
    shown: list[str] = page.eval_on_selector_all("#log .l > span", "all => all.map((one) => one.textContent)")
    ours = [int(text.split()[1]) for text in shown if re.fullmatch(r"line \d+\s*", text)]
    gap = next((one for one, other in pairwise(ours) if other > one + 1), None)
    if gap is None and ours[:1] == [1] and ours[-1] >= last:
        return ours
    page.get_by_text(f"line {gap or 1}", exact=True).first.scroll_into_view_if_needed()
    return None
