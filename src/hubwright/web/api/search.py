"""`/api/v1/search`: what has a name that fits."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.finding import MAX_QUERY
from hubwright.web.api.answers import answer
from hubwright.web.finder import Finder, Found
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class Search:
    """The route."""

    def __init__(self, site: Site, gate: Gate, finder: Finder) -> None:
        self._gate = gate
        self._public = site.public_url
        self._finder = finder

    def make_router(self) -> Routes:
        """The route, for the app, which knows the pages too."""
        router = Routes(prefix="/api/v1", tags=["hub"])
        router.add_api_route("/search", self.search, methods=["GET"])
        return router

    async def search(
        self,
        request: Request,
        q: Annotated[
            str, Query(max_length=MAX_QUERY, description="Some letters, a build's number, a commit or a branch.")
        ] = "",
    ) -> Response:
        """Pages, jobs, repositories, builders and builds that fit, of each kind the best few.

        `engine 38` and `core/engine#38` name a build of a job, `#38` the build of this id. Jobs and repositories that
        were made within the last ten seconds may be missing.
        """
        found = await self._finder.find(q, await self._gate.require(request, "read"))
        return answer({"items": [self._write(one) for one in found]})

    def _write(self, one: Found) -> dict[str, str]:
        return {"kind": one.kind, "title": one.title, "detail": one.detail, "url": self._public + one.address}
