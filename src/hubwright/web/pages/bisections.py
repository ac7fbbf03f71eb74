"""The page of a search for a culprit: what is looked for, the builds that it stands on, what was found."""

from __future__ import annotations

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.hub.bisection_ends import cancel_search
from hubwright.store.views_bisections import BisectionView, StepView, load_bisection, load_steps, load_suspects
from hubwright.web.pages.frame import Frame
from hubwright.web.site import FACTS


class BisectionPages:
    """`/bisections/{id}`, and what people may ask of a search."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """Those of the page and its button."""
        return [
            Route("/bisections/{id:int}", self._frame.guard(self.show)),
            Route("/bisections/{id:int}/cancel", self.cancel, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /bisections/{id}`."""
        number: int = request.path_params["id"]

        def load(connection: Connection) -> tuple[BisectionView, list[StepView], int | None]:
            view = load_bisection(connection, number)
            return view, load_steps(connection, number), load_suspects(connection, number)

        search, steps, suspects = await self._frame.site.database.read(load)
        stream = "/fragments/stream" if search.is_open else None
        return self._frame.show(request, "bisection.html", search=search, steps=steps, suspects=suspects, stream=stream)

    async def cancel(self, request: Request) -> Response:
        """`POST /bisections/{id}/cancel`."""
        asker = await self._frame.require(request, "write")
        number: int = request.path_params["id"]
        site = self._frame.site
        now = site.clock()
        await site.database.write_soon(lambda connection: cancel_search(connection, number, asker.name, now))
        site.wake("runs")
        site.wake("facts")
        site.bell.ring(FACTS)
        return RedirectResponse(f"/bisections/{number}", 303)
