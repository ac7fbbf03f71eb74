"""The pictures of the documentation, made of the tests' world: `python tests/screenshots.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from chromium import open_chromium, open_page
from page_world import open_page_world

FOLDER = Path(__file__).parents[1] / "docs" / "images"

PICTURES = {
    "home.png": ("/", "light", 1280, 900),
    "home-narrow.png": ("/", "dark", 390, 844),
    "build-light.png": ("/builds/{id:int}", "light", 1280, 1000),
    "build-dark.png": ("/builds/{id:int}", "dark", 1280, 1000),
    "builder.png": ("/builders", "light", 1280, 620),
    "queue.png": ("/queue", "light", 1280, 620),
    "grid.png": ("/repositories/octo/matrix", "light", 1280, 800),
    "log.png": ("/builds/{id:int}/runs/{run:int}", "dark", 1280, 900),
    "known-failure.png": ("/failures/{id:int}", "light", 1280, 620),
    "channel.png": ("/irclogs/{path:path}", "light", 1280, 560),
    "tests.png": ("/tests/{path:path}", "light", 1280, 800),
    "tests-dark.png": ("/cases/{test:int}/{path:path}", "dark", 1280, 700),
}
"""By file: which page, in which colours, how wide and how high."""


def main() -> None:
    """Make all of them anew."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_page_world(Path(folder)) as world,
        open_chromium() as browser,
        open_page(browser) as watched,
    ):
        addresses = world.addresses()
        for name, (place, scheme, width, height) in PICTURES.items():
            watched.page.set_viewport_size({"width": width, "height": height})
            watched.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            watched.page.goto(world.url + addresses.get(place, place))
            if "runs" in place:
                watched.page.locator("#log .l").first.scroll_into_view_if_needed()
            watched.page.screenshot(path=FOLDER / name)
            print(FOLDER / name)


if __name__ == "__main__":
    main()
