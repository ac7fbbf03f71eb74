"""The routes of an application by how their addresses begin, so that a request is held against few of them.

A router asks one route after the other whether the request is for it. The hub has hundreds, and of a page that is
there in milliseconds that was a fifth.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

_API = "api"


class Shelves:
    """Does what the router of an application does, with the routes that it has by now, in their order."""

    def __init__(self, whole: APIRouter) -> None:
        self._whole = whole.app
        begins = [(_find_shelf(str(getattr(route, "path", "{"))), route) for route in whole.routes]
        self._rest = _make_router([route for shelf, route in begins if "{" in shelf])
        self._shelves = {
            name: _make_router([route for shelf, route in begins if shelf == name or "{" in shelf])
            for name in {shelf for shelf, _ in begins}
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lead one connection to its route."""
        if scope["type"] == "lifespan" or scope.get("root_path"):
            await self._whole(scope, receive, send)
        else:
            await self._shelves.get(_find_shelf(scope["path"]), self._rest).app(scope, receive, send)


def shelve(app: FastAPI) -> None:
    """Have the requests of an application that has all its routes led by shelves."""
    app.router.middleware_stack = Shelves(app.router)


def _find_shelf(path: str) -> str:
    """The first word of a path, and of the API's the first three: version and subject.

    Slashes too many at the end are another route's only in that the router sends whoever asked to the right address.
    """
    words = path.rstrip("/").split("/", 4)[1:4]
    return "/".join(words) if words and words[0] == _API else words[0] if words else ""


def _make_router(routes: list[BaseRoute]) -> APIRouter:
    router = APIRouter()
    router.routes.extend(routes)
    return router
