"""What the register of pages is for who asks: the top of every page, its keys, and what a search for a page finds."""

from __future__ import annotations

from hubwright.web.askers import Asker
from hubwright.web.finder import Found
from hubwright.web.pages.places import GROUPS, PLACES, PUBLIC, Place

FOR_FOLDERS = frozenset({"/", "/jobs", "/search", "/tv", "/help", "/docs", "/login"})
"""Where who is bounded to folders finds something; the other pages are not there for them."""

_ALSO = {
    "/": "start mine broken running",
    "/jobs": "folders",
    "/queue": "waiting paused",
    "/builders": "agents machines join",
    "/repositories": "replication organizations hooks",
    "/deliveries": "webhooks events replay healing",
    "/github": "app token manifest",
    "/sql": "database query",
    "/audit": "changes",
    "/tv": "wall television kiosk dashboard",
    "/help": "keys shortcuts signs commands",
    "/docs": "api openapi",
}
"""What else people call a page."""


def find_places(asker: Asker | None) -> tuple[Place, ...]:
    """The pages without parameters that there are for who asks; `None` is somebody who is not known yet."""
    return tuple(place for place in PLACES if "{" not in place.address and _is_for(place, asker))


def group_places(asker: Asker | None) -> tuple[tuple[str, tuple[Place, ...]], ...]:
    """Those of the navigation, by their groups."""
    places = find_places(asker)
    grouped = ((group, tuple(place for place in places if place.group == group)) for group in GROUPS)
    return tuple((group, found) for group, found in grouped if found)


def name_pages(asker: Asker) -> list[tuple[str, Found]]:
    """The pages for who asks, each with the words by which it is found."""
    return [
        (f"{_ALSO.get(place.address, '')} {place.name}", Found("page", place.name, "", place.address))
        for place in find_places(asker)
    ]


def _is_for(place: Place, asker: Asker | None) -> bool:
    if place.role == PUBLIC:
        return True
    if asker is None:
        return place.role == "read"
    return asker.may(place.role) and (asker.folders is None or place.address in FOR_FOLDERS)
