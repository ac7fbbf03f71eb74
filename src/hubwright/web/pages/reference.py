"""`/docs`: the API's operations on one plain page, made from its OpenAPI document; and where else that document is."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.web.pages.frame import Frame


class Reference:
    """The page and the document; for a FastAPI application without docs of its own."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """Both routes."""
        return [
            Route("/docs", self.show_page, methods=["GET"]),
            Route("/api/v1/openapi.json", self.show_document, methods=["GET"]),
        ]

    async def show_page(self, request: Request) -> Response:
        """`GET /docs`: one line of the page for each operation and each of its parameters."""
        return self._frame.show(request, "reference.html", document=request.app.openapi())

    async def show_document(self, request: Request) -> Response:
        """`GET /api/v1/openapi.json`."""
        return Response(orjson.dumps(request.app.openapi()), media_type="application/json")
