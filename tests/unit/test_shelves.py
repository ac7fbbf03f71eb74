"""Shelves lead each request to the very route that the router would have found by asking all of them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from hubwright.web.shelves import shelve

PATHS = (
    "/",
    "/builds/{number:int}",
    "/builds/{number:int}/log",
    "/builds/{name}",
    "/jobs/{path:path}",
    "/jobs",
    "/api/v1/builds",
    "/api/v1/builds/{number:int}",
    "/api/v1/runs/{number}",
    "/api/v1",
    "/api",
    "/{word}/about",
    "/api/{version}/about",
)
WORDS = st.sampled_from(["", "builds", "jobs", "api", "v1", "v2", "runs", "log", "about", "5", "x", "%2F"])
ADDRESSES = st.lists(WORDS, max_size=6).map(lambda words: "/" + "/".join(words))


def make_app(*, on_shelves: bool) -> FastAPI:
    """An application whose routes answer with their own path."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for path in PATHS:

        async def answer(request: Request, path: str = path) -> Response:
            return PlainTextResponse(f"{path} {sorted(request.path_params.items())}")

        app.router.add_route(path, answer, methods=["GET"])
    if on_shelves:
        shelve(app)
    return app


PLAIN, SHELVED = make_app(on_shelves=False), make_app(on_shelves=True)


def ask(app: FastAPI, method: str, path: str, root: str) -> list[dict[str, Any]]:
    """What the application sends."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "root_path": root, "headers": [],
        "query_string": b"", "scheme": "http", "server": ("hub", 80), "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


@given(st.sampled_from(["GET", "POST"]), ADDRESSES, st.sampled_from(["", "", "", "/api", "/x"]))
def test_a_request_gets_the_answer_that_the_whole_router_gives(method: str, path: str, root: str) -> None:
    """Also where no route is, where the method is another, where a slash is too many, and below a root."""
    assert ask(SHELVED, method, path, root) == ask(PLAIN, method, path, root)


def test_requests_are_held_against_few_routes() -> None:
    """That is what shelves are for: a route of another subject is not asked."""
    asked: list[str] = []

    class Listening(Route):
        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            asked.append(self.path)
            return super().matches(scope)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes.extend(Listening(path, lambda _request: Response()) for path in PATHS)
    shelve(app)
    ask(app, "GET", "/api/v1/runs/7", "")
    assert asked == ["/api/v1/runs/{number}"]
