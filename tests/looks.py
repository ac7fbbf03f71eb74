"""How pages look, compared loosely with small pictures in `data/looks`. `python tests/looks.py` makes these anew.

A picture is a sixteenth of the page's size, so letters are grey and a word more or less is nothing; what moves, breaks
or loses its colour is seen. Chromium itself scales and compares.
"""

from __future__ import annotations

import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from chromium import open_chromium, open_page
from hubwright.web.pages.places import PLACES, Place
from page_world import ELSEWHERE, PageWorld, open_page_world

FOLDER = Path(__file__).parent / "data" / "looks"
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}
MAIN = ("/builds/", "/commits/", "/jobs/{", "/repositories/{owner}/{", "/tests/")
MOST = 0.10
"""The part of a picture that may differ: as much as a list that is some rows longer, not as a page without styles."""

_SCRIPT = """
const load = async (address) => { const image = new Image(); image.src = address; await image.decode(); return image; };
window.join = async (shots) => {
  const images = await Promise.all(shots.map(load));
  const canvas = new OffscreenCanvas(80 + 80 + 25, 53), pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  let left = 0;
  for (const image of images) {
    const wide = Math.round(image.width / 16);
    pen.drawImage(image, left, 0, wide, image.height / 16);
    left += wide;
  }
  const bytes = await (await canvas.convertToBlob({type: "image/webp", quality: 0.8})).arrayBuffer();
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
};
window.compare = async (one, other) => {
  const [a, b] = (await Promise.all([one, other].map(load))).map((image) => {
    const pen = new OffscreenCanvas(image.width, image.height).getContext("2d");
    pen.drawImage(image, 0, 0);
    return pen.getImageData(0, 0, image.width, image.height).data;
  });
  if (a.length !== b.length) return 1;
  let apart = 0;
  for (let at = 0; at < a.length; at += 4)
    apart += Math.max(...[0, 1, 2].map((colour) => Math.abs(a[at + colour] - b[at + colour]))) > 40;
  return apart * 4 / a.length;
};
null
"""


class Looks:
    """Takes pictures of pages and compares them, on a blank page of its own."""

    def __init__(self, page: Page) -> None:
        self._desk = page.context.browser.new_page() if page.context.browser else page
        self._desk.evaluate(_SCRIPT)

    def join(self, shots: list[bytes]) -> bytes:
        """One small picture of light, dark and narrow."""
        return b64decode(self._desk.evaluate("join", [_as_address(shot, "jpeg") for shot in shots]))

    def compare(self, one: bytes, other: bytes) -> float:
        """The part that differs, 0 to 1."""
        return float(self._desk.evaluate("([a, b]) => compare(a, b)", [_as_address(one), _as_address(other)]))


def show_views(page: Page) -> Iterator[str]:
    """The page that is open in light, in dark and on a telephone; then as it was."""
    yield "light"
    page.emulate_media(color_scheme="dark")
    yield "dark"
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    yield "narrow"
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def shoot(page: Page) -> bytes:
    """What is to be seen of a page at its top."""
    page.evaluate("() => document.fonts.ready.then(() => scrollTo(0, 0))")
    return page.screenshot(type="jpeg", quality=70)


def file_of(place: Place) -> Path:
    """Where the picture of a place is kept."""
    name = "-".join(part.strip("{}").partition(":")[0] for part in place.address.split("/") if part)
    return FOLDER / f"{name or 'home'}.webp"


LOOKED_AT = tuple(
    place for place in PLACES if place.address not in ELSEWHERE and (place.group or place.address.startswith(MAIN))
)
"""Those of the navigation, and the ones that people have open all day: each costs a second."""


def keep_looks(world: PageWorld) -> None:
    """Make all pictures anew; those of places that are gone go too."""
    FOLDER.mkdir(exist_ok=True)
    with open_chromium() as browser, open_page(browser) as watched:
        looks = Looks(watched.page)
        made = {}
        for place in LOOKED_AT:
            watched.page.goto(world.url + world.address_of(place))
            made[file_of(place)] = looks.join([shoot(watched.page) for _ in show_views(watched.page)])
    for path in set(FOLDER.glob("*.webp")) - set(made):
        path.unlink()
    for path, picture in made.items():
        path.write_bytes(picture)


def _as_address(picture: bytes, kind: str = "webp") -> str:
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, open_page_world(Path(place)) as seeded:
        keep_looks(seeded)
    sys.exit(print(f"{len(list(FOLDER.glob('*.webp')))} pictures in {FOLDER}"))
