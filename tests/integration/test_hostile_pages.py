"""Names, logs and messages from outside on every page: they are shown, and they are nothing but text (S30 to S32)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx2
import pytest

from hostile_names import HOSTILE_LOG, MARK, spell
from hubwright.web.pages.places import PLACES
from page_reading import Read, find_foreign
from page_world import ELSEWHERE, PageWorld, fill, open_page_world

SIGNS = "\u202e\x1b\x07\x00"
"""They turn text around, or do something to a terminal; a field of a form may hold what it was given."""

SHOWN = frozenset({
    "artifact.path", "audit.actor", "audit.path", "build.author_name", "build.branch", "build.message",
    "build.problem", "builder.name", "builder.platform", "culprit.subject", "delivery.error", "delivery.headers",
    "definition.author", "definition.reason", "folder.path", "job.path", "link.globs", "log", "pause.by",
    "problem.file", "problem.message", "run.builder", "run.detail", "run.matrix", "run.platform", "secret.name",
    "stage.name", "test_case.message", "test_case.name", "token.name",
})  # fmt: skip
"""Fields that must be seen somewhere: else this looks at nothing."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageWorld]:
    with open_page_world(tmp_path_factory.mktemp("hostile"), hostile=True) as opened:
        logs, run = opened.hub.hub.site.logs, opened.ids["red_run"]
        logs.append(run, logs.size(run), HOSTILE_LOG)
        yield opened


@pytest.fixture(scope="module")
def pages(world: PageWorld) -> dict[str, httpx2.Response]:
    """Every page, every part of one that scripts fetch, and what is answered where nothing is."""
    wrong = dict.fromkeys(world.texts, spell("address"))
    asked = f"?{quote(MARK)}={quote(spell('query'))}"
    addresses = world.addresses()
    addresses |= {f"nothing at {place.address}": fill(place.address, wrong, world.ids) for place in PLACES}
    addresses |= {f"asked {pattern}": address + asked for pattern, address in world.addresses().items()}
    addresses |= {f"build {number}": f"/builds/{number}" for number in range(world.ids["red"], world.ids["held"] + 1)}
    addresses |= {
        f"log of {run}": f"/fragments/runs/{run}/log" for run in range(world.ids["red_run"], world.ids["held_run"] + 1)
    }
    addresses["badge"] = f"/badge/{quote(world.texts['path'])}.svg"
    with world.client() as client:
        return {name: client.get(address) for name, address in addresses.items()}


def test_nothing_from_outside_is_markup(pages: dict[str, httpx2.Response]) -> None:
    """S31: no element, attribute, script, style or address is made by data; nothing turns text around or clears it."""
    wrong = []
    for name, page in pages.items():
        read = Read(page.text)
        wrong += [(name, found) for found in find_foreign(read)]
        made = [one for one in read.elements if one.tag == MARK or one.attributes.get("src") == "x"]
        wrong += [(name, str(one)) for one in made]
        values = [value for one in read.elements for key, value in one.attributes.items() if key != "value"]
        turned = [text for text in (read.text, *values) if any(sign in text for sign in SIGNS)]
        wrong += [(name, ascii(text[:200])) for text in turned]
    assert not wrong


def test_no_page_fails_over_a_name(pages: dict[str, httpx2.Response]) -> None:
    """What is there is shown, and what is not there is not found: nothing is our fault."""
    assert not {name: page.status_code for name, page in pages.items() if page.status_code >= 500}
    places = {place.address for place in PLACES} - ELSEWHERE
    assert not {name: page.status_code for name, page in pages.items() if name in places and page.status_code != 200}


def test_the_corpus_is_seen(pages: dict[str, httpx2.Response]) -> None:
    """A test that looks for what is nowhere shown can't fail."""
    text = "".join(Read(page.text).text for page in pages.values())
    assert not {field for field in SHOWN if f"style=x {field}" not in text}
