"""The register of pages: each place can be found, reached, and is told apart from the others."""

from __future__ import annotations

import re
from pathlib import Path

from hubwright.web.pages.places import GROUPS, PLACES, PUBLIC, find_place, find_section


def test_every_place_is_in_the_navigation_or_reached_from_another() -> None:
    """A page that nothing leads to is found by nobody; and no way to a page goes in a circle."""
    known = {place.address for place in PLACES}
    assert len(known) == len(PLACES)
    for place in PLACES:
        assert bool(place.group) != bool(place.reached_from), place
        assert place.group in {"", *GROUPS}, place
        assert place.reached_from in {"", *known}, place
        section = find_section(_plain(place.address))
        assert section is not None, place
        assert section.group, place


def test_every_place_is_found_by_its_own_address() -> None:
    """The first that fits counts, so one with a path in it must not stand before what lies below it."""
    wrong = [place.address for place in PLACES if find_place(_plain(place.address)) != place]
    assert not wrong
    assert find_place("/no/such/page") is None
    assert find_section("/no/such/page") is None


def test_keys_and_roles_are_ones_that_there_are() -> None:
    """A key leads to one place; small letters are for what one does on a page."""
    keys = [place.key for place in PLACES if place.key]
    assert len(set(keys)) == len(keys)
    assert not {"E", "G", "N"} & set(keys)
    assert all(re.fullmatch(r"[A-Z]", key) for key in keys)
    assert {place.role for place in PLACES} <= {"read", "write", "admin", "sql", PUBLIC}
    assert all(place.group for place in PLACES if place.key)


def _plain(address: str) -> str:
    """An address of this pattern."""
    return re.sub(r"\{[^}]+\}", "7", address)


def test_the_documentation_has_every_place() -> None:
    """docs/pages.md is the register as people read it."""
    page = (Path(__file__).parents[2] / "docs" / "pages.md").read_text()
    told = [
        tuple(cell.strip(" `") for cell in row.split("|")[1:-1]) for row in page.splitlines() if row.startswith("| `")
    ]
    who = {PUBLIC: "everybody"}
    assert told == [
        (re.sub(r":[a-z]+}", "}", place.address), place.name, who.get(place.role, place.role), place.key)
        for place in PLACES
    ]
