"""The one register of all pages: where each is, what people call it, who sees it, and how one gets there.

The navigation, `/help`, the keys and the tests that walk every page read it. Who makes a page adds its row here, and an
example of it to `tests/page_world.py` where its address has a parameter that no other page has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from starlette.routing import compile_path

PUBLIC = "public"
"""The role of a page that everybody sees, whatever the hub shows to strangers."""


@dataclass(frozen=True, slots=True)
class Place:
    """A page. `address` is the pattern of its route; `role` is read, write, admin, sql or `PUBLIC`.

    It stands in the navigation, in `group`, or is `reached_from` the page at that address by a link there. `key` is the
    single key that leads there from everywhere: the capital of a word in its name.
    """

    address: str
    name: str
    role: str = "read"
    group: str = ""
    reached_from: str = ""
    key: str = ""


GROUPS = ("Builds", "Machines", "GitHub", "Hub")
"""The parts of the navigation, in their order."""

_ADMIN = "/admin"
_BUILD = "/builds/{id:int}"
_JOBS = "/jobs"
_REPOSITORIES = "/repositories"
_GRID = "/repositories/{owner}/{name}"

PLACES = (
    Place("/", "Home", group="Builds", key="H"),
    Place(_JOBS, "Jobs", group="Builds", key="J"),
    Place("/trends", "Trends", group="Builds", key="T"),
    Place("/blame", "Blame", group="Builds"),
    Place("/failures", "Failures", group="Builds"),
    Place("/queue", "Queue", group="Machines", key="Q"),
    Place("/builders", "Builders", group="Machines", key="B"),
    Place(_REPOSITORIES, "Repositories", group="GitHub", key="R"),
    Place("/deliveries", "Deliveries", group="GitHub", key="D"),
    Place("/loads", "Loads from GitHub", group="GitHub", key="L"),
    Place("/github", "Connection to GitHub", role="admin", group="Hub", key="C"),
    Place("/sql", "SQL", role="sql", group="Hub", key="S"),
    Place("/admin/secrets", "Secrets", role="write", group="Hub"),
    Place("/admin/links", "Links", role="write", group="Hub"),
    Place(_ADMIN, "Administration", role="admin", group="Hub", key="A"),
    Place("/admin/tokens", "Tokens", role="admin", reached_from=_ADMIN),
    Place("/admin/configuration", "Configuration", role="admin", reached_from=_ADMIN),
    Place("/audit", "Audit log", role="admin", reached_from=_ADMIN),
    Place("/irclogs", "Channel logs", group="Hub"),
    Place("/tv", "Status screen", group="Hub"),
    Place("/help", "Help", group="Hub"),
    Place("/search", "Search", reached_from="/"),
    Place("/notifications", "Your notifications", reached_from="/"),
    Place("/irc/link", "Link an IRC account", reached_from="/help"),
    Place("/docs", "REST interface", role=PUBLIC, reached_from="/help"),
    Place("/login", "Log in", role=PUBLIC, reached_from="/help"),
    Place("/jobs/{path:path}", "Job or folder", reached_from=_JOBS),
    Place("/copies/{path:path}", "Copies of a job", reached_from="/jobs/{path:path}"),
    Place("/downloads/{path:path}", "Downloads of a job", reached_from="/jobs/{path:path}"),
    Place("/trends/{path:path}", "Trend of a job", reached_from="/jobs/{path:path}"),
    Place("/tests/{path:path}", "Tests of a job", reached_from="/jobs/{path:path}"),
    Place("/cases/{test:int}/{path:path}", "One test with its history", reached_from="/tests/{path:path}"),
    Place("/definitions/jobs/{path:path}", "Definition of a job", reached_from="/jobs/{path:path}"),
    Place("/definitions/folders/{path:path}", "Settings of a folder", reached_from=_JOBS),
    Place(_BUILD, "Build", reached_from="/"),
    Place("/builds/{id:int}/runs/{run:int}", "Run of a build, with its log", reached_from=_BUILD),
    Place("/builds/{id:int}/artifacts", "Files that a build kept", reached_from=_BUILD),
    Place("/failures/{id:int}", "Known failure", reached_from="/failures"),
    Place("/bisections/{id:int}", "Search for the commit that broke a job", reached_from="/jobs/{path:path}"),
    Place("/irclogs/{path:path}", "A day in a channel", reached_from="/irclogs"),
    Place("/commits/{owner}/{repo}/{sha}", "Commit", reached_from=_BUILD),
    Place("/builders/{name:path}", "Builder", reached_from="/builders"),
    Place(_GRID, "Commits of a repository", reached_from=_REPOSITORIES),
    Place(f"{_GRID}/branches", "Branches", reached_from=_GRID),
    Place(f"{_GRID}/pulls", "Pull requests", reached_from=_GRID),
    Place(f"{_GRID}/pulls/{{number:int}}", "Pull request", reached_from=f"{_GRID}/pulls"),
    Place(f"{_GRID}/replication", "Replication of a repository", reached_from=_GRID),
    Place("/organizations/{owner}", "Organization", reached_from=_REPOSITORIES),
    Place("/deliveries/{id:int}", "Delivery", role="write", reached_from="/deliveries"),
    Place("/github/hook", "Webhook of the App", role="admin", reached_from="/github"),
)
"""Every page; in the order in which the navigation shows them. Where two addresses fit, the first one counts."""


def find_place(path: str) -> Place | None:
    """The page at this address of the site; None where no page is."""
    return next((place for place, pattern in _patterns() if pattern.match(path)), None)


def find_section(path: str) -> Place | None:
    """The place of the navigation that one comes through to this page; None where no page is."""
    place = find_place(path)
    while place is not None and not place.group:
        place = _BY_ADDRESS[place.reached_from]
    return place


_BY_ADDRESS = {place.address: place for place in PLACES}


@cache
def _patterns() -> tuple[tuple[Place, re.Pattern[str]], ...]:
    return tuple((place, compile_path(place.address)[0]) for place in PLACES)
