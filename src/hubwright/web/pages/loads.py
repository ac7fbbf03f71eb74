"""`/loads`: what is loaded from GitHub and how far it is, asked for by a form, cancelled by a button."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.refs import check_owner, check_repository
from hubwright.errors import UnprocessableError
from hubwright.github.listings import LOADS
from hubwright.hub.loads import LAST, Load, check_load, read_load
from hubwright.store.tasks import Progress, list_loads
from hubwright.web.load import LoadDoors
from hubwright.web.pages.forms import need, read_fields
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

_LOADS = 50

OF_REPOSITORY = {
    "repository": "", "issues": "/issues", "pull requests": "/pulls", "comments": "/comments", "labels": "/labels",
    "milestones": "/milestones", "releases": "/releases", "branches": "/branches", "hooks": "/hooks",
    "commits": "/commits", "collaborators": "/collaborators",
}  # fmt: skip
"""What can be loaded of a repository, and where it lies below it."""

OF_OWNER = {"organization": "/orgs/{org}", "its repositories": "/orgs/{org}/repos", "a user's repositories":
            "/users/{user}/repos"}  # fmt: skip
"""What can be loaded of an organization or user."""


class LoadPages:
    """Everybody who may read sees how loads stand; to begin and to cancel needs the role `write`."""

    def __init__(self, frame: Frame, doors: LoadDoors) -> None:
        self._frame = frame
        self._doors = doors

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/loads", self._frame.guard(self.show)),
            Route("/loads", self.begin, methods=["POST"]),
            Route("/loads/{id:int}/cancel", self.cancel, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /loads?before=`; `of` fills the form."""
        cursor = read_number(request, "before")
        page = await self._frame.site.database.read(lambda connection: list_loads(connection, _LOADS, cursor))
        loads = [(one, read_load(one.payload).title, _word_found(one)) for one in page.items]
        given: dict[str, Any] = {"ways": (*OF_REPOSITORY, *OF_OWNER), "of": request.query_params.get("of", "")[:201]}
        stream = "/fragments/stream?every=2" if any(one.finished_at is None for one in page.items) else None
        return self._frame.show(request, "loads.html", loads=loads, next=page.next, stream=stream, **given)

    async def begin(self, request: Request) -> Response:
        """`POST /loads`."""
        await self._frame.require(request, "write")
        await self._doors.ask(read_wanted(await read_fields(request)))
        return RedirectResponse("/loads", 303)

    async def cancel(self, request: Request) -> Response:
        """`POST /loads/{id}/cancel`."""
        asker = await self._frame.require(request, "write")
        await self._doors.cancel(asker, request.path_params["id"])
        return RedirectResponse("/loads", 303)


def read_wanted(fields: Mapping[str, str]) -> Load:
    """What the form asks for. Raises UnprocessableError."""
    what, of = fields.get("what", ""), need(fields, "of")
    if what in OF_REPOSITORY:
        owner, _, name = of.partition("/")
        where = {"owner": check_owner(owner), "repo": check_repository(name)}
        place = "/repos/{owner}/{repo}" + OF_REPOSITORY[what]
    elif what in OF_OWNER:
        place = OF_OWNER[what]
        where = {"org" if "{org}" in place else "user": check_owner(of)}
    else:
        raise UnprocessableError(f"what: one of {', '.join((*OF_REPOSITORY, *OF_OWNER))} is expected.", "/what")
    return check_load(
        Load(
            listings=LOADS[place],
            where=where,
            children="children" in fields,
            since=LAST if "last" in fields else None,
        )
    )


def _word_found(progress: Progress) -> str:
    """What was read so far, in words."""
    told = progress.payload.get("told", {})
    words = {"items": "items", "pages": "pages", "changed": "rows changed", "vanished": "vanished"}
    return ", ".join(f"{told[name]:,} {word}" for name, word in words.items() if told.get(name))
