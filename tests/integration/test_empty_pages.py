"""A fresh hub: every page that has nothing to show yet says which one command fills it."""

from __future__ import annotations

import re
from html import unescape

import httpx2
import pytest

from hubwright.cli import COMMANDS
from hubwright.web.pages.places import PLACES
from quiet_hub import open_whole_hub
from seed import ADMIN

NEVER_EMPTY = {
    "/sql": "a field to ask in", "/search": "the pages", "/docs": "the reference", "/help": "what helps",
    "/login": "a field for a token", "/github": "how to connect", "/admin": "the hub's own state",
    "/admin/tokens": "the tokens of this machine", "/admin/configuration": "every setting",
    "/github/hook": "only of an App",
}  # fmt: skip
"""Pages that show something from the start."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What stands in the middle of every page without parameters."""
    with open_whole_hub(tmp_path_factory.mktemp("fresh"), admin_token=ADMIN) as hub:
        headers = {"Accept": "text/html", "Authorization": f"Bearer {ADMIN}"}
        with httpx2.Client(base_url=hub.url, headers=headers) as client:
            addresses = [place.address for place in PLACES if "{" not in place.address]
            found = {address: client.get(address).text for address in addresses}
    return {address: re.search(r"<main.*</main>", page, re.DOTALL)[0] for address, page in found.items()}  # type: ignore[index]


def test_every_empty_page_teaches_the_command_that_fills_it(pages: dict[str, str]) -> None:
    """ux.md 6: an empty page that is mute is where people leave."""
    lists = {address: page for address, page in pages.items() if address not in NEVER_EMPTY}
    assert len(lists) > 8
    assert set(pages) >= set(NEVER_EMPTY)
    mute = [address for address, page in lists.items() if "command" not in page]
    assert mute == []


def test_commands_that_pages_tell_are_ones_that_there_are(pages: dict[str, str]) -> None:
    """A page that teaches a command which was renamed teaches to distrust it."""
    told = {
        (address, unescape(command))
        for address, page in pages.items()
        for command in re.findall(r'<code class="command">(.*?)</code>', page, re.DOTALL)
    }
    ours = {(address, command) for address, command in told if command.startswith("hubwright ")}
    assert len(ours) > 8
    wrong = {(address, command) for address, command in ours if command.split()[1] not in COMMANDS}
    assert wrong == set()
