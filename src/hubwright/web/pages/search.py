"""The page that finds things by some letters of their names; the command palette shows its list."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.finding import MAX_QUERY
from hubwright.web.finder import Finder
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.navigation import name_pages


class SearchPage:
    """`/search`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._finder = Finder(frame.site, name_pages)

    async def show(self, request: Request) -> Response:
        """`GET /search?q=`."""
        text = request.query_params.get("q", "")[:MAX_QUERY]
        found = await self._finder.find(text, request.state.asker)
        return self._frame.show(request, "search.html", text=text, found=found)
