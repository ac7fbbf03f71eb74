"""One Chromium for a module of tests, and pages of it that remember what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from seed import ADMIN

_WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page, and what its browser complained of since it was last asked."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def take_complaints(self) -> list[str]:
        """All so far; then there are none. That an answer was no success is not one: tests look at the answer."""
        taken, self.complaints[:] = [*self.complaints], []
        return [text for text in taken if "Failed to load resource" not in text]


@contextmanager
def open_page(browser: Browser, script: str = "", *, token: str = ADMIN, **options: Any) -> Iterator[Watched]:
    """A page in a profile of its own, of who has `token`, or of nobody; `script` runs in it before anything else."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    given = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", "extra_http_headers": headers}
    context = browser.new_context(**given | options)
    context.add_init_script(_WATCH + script)
    watched = Watched(context.new_page())
    page = watched.page
    page.on("console", lambda said: said.type == "error" and watched.complaints.append(said.text))
    page.on("pageerror", lambda error: watched.complaints.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (watched.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    yield watched
    context.close()
