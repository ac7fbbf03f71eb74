"""The web framework with nothing behind it: reads a body, answers 202. What a push costs before anything is done."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def take(request: Request) -> Response:
    """Read it whole."""
    await request.body()
    return Response(b"{}", 202)


app = Starlette(routes=[Route("/hooks/github", take, methods=["POST"])])
