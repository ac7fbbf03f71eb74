"""The pages of a repository: commits by platforms, branches, pull requests and one of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.errors import NotFoundError
from hubwright.store.grid_values import CommitRow, GridFilter, PullView, platforms_of
from hubwright.store.views_branches import find_grid, load_branches, load_pull, load_pulls, rows_of
from hubwright.store.views_grid import load_grid
from hubwright.store.views_values import Page
from hubwright.web.askers import folders_of
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

_ROWS = 30
_LONGEST = 1024


class GridPages:
    """`/repositories/{owner}/{name}` and what lies below it: `/branches`, `/pulls`, `/pulls/{number}`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """All routes."""
        place, guard = "/repositories/{owner}/{name}", self._frame.guard
        return [
            Route(place, guard(self.grid)),
            Route(f"{place}/branches", guard(self.branches)),
            Route(f"{place}/pulls", guard(self.pulls)),
            Route(f"{place}/pulls/{{number:int}}", guard(self.pull)),
        ]

    async def grid(self, request: Request) -> Response:
        """`GET /repositories/{owner}/{name}?branch=&failed=1&before=`: a row for each commit."""
        branch = read_text(request, "branch")
        failed = request.query_params.get("failed") == "1"
        before = read_number(request, "before")

        def load(connection: Connection) -> tuple[GridFilter, Page[CommitRow]]:
            wanted = _find(connection, request, branch=branch, failed=failed)
            return wanted, load_grid(connection, wanted, _ROWS, before)

        wanted, page = await self._frame.site.database.read(load)
        return self._show(request, "grid.html", wanted, page, platforms=platforms_of(page.items))

    async def branches(self, request: Request) -> Response:
        """`GET /repositories/{owner}/{name}/branches?before=`: a row for each branch."""
        before = read_number(request, "before")

        def load(connection: Connection) -> tuple[GridFilter, Page[Any]]:
            wanted = _find(connection, request)
            return wanted, load_branches(connection, wanted, _ROWS, before)

        wanted, page = await self._frame.site.database.read(load)
        return self._show(request, "branches.html", wanted, page, platforms=platforms_of(rows_of(page.items)))

    async def pulls(self, request: Request) -> Response:
        """`GET /repositories/{owner}/{name}/pulls?before=`: a row for each pull request."""
        before = read_number(request, "before")

        def load(connection: Connection) -> tuple[GridFilter, Page[Any]]:
            wanted = _find(connection, request)
            return wanted, load_pulls(connection, wanted, _ROWS, before)

        wanted, page = await self._frame.site.database.read(load)
        return self._show(request, "pulls.html", wanted, page, platforms=platforms_of(rows_of(page.items)))

    async def pull(self, request: Request) -> Response:
        """`GET /repositories/{owner}/{name}/pulls/{number}?before=`: a row for each push."""
        number: int = request.path_params["number"]
        before = read_number(request, "before")

        def load(connection: Connection) -> tuple[GridFilter, Page[CommitRow], PullView | None]:
            wanted = _find(connection, request, pull_request=min(number, 2**31 - 1))
            page = load_grid(connection, wanted, _ROWS, before)
            hidden = wanted.families is not None and not page.items
            return wanted, page, None if hidden else load_pull(connection, wanted.repository, number)

        wanted, page, told = await self._frame.site.database.read(load)
        if told is None and not page.items and before is None:
            raise NotFoundError(f"No pull request {number} of {wanted.repository} is known.")
        pull = told or PullView(number=number)
        return self._show(request, "pull.html", wanted, page, platforms=platforms_of(page.items), pull=pull)

    def _show(self, request: Request, template: str, wanted: GridFilter, page: Page[Any], **context: Any) -> Response:
        turned = "before" in request.query_params
        shown: dict[str, Any] = {"wanted": wanted, "page": page, "turned": turned, **context}
        return self._frame.show(request, template, **shown, stream="/fragments/stream")


def _find(connection: Connection, request: Request, **more: Any) -> GridFilter:
    name = f"{request.path_params['owner']}/{request.path_params['name']}"
    return find_grid(connection, name.replace("\0", ""), folders_of(request), **more)


def read_text(request: Request, name: str) -> str | None:
    """A text out of the query, None when it is missing, empty or too long to be a name."""
    text = request.query_params.get(name, "").replace("\0", "").strip()
    return text if 0 < len(text) <= _LONGEST else None
