"""The routes of the API before they are FastAPI's.

FastAPI analyses a route when a router gets it, and once more for the application that includes the router. It is the
dearest part of a hub's start, so routes are only noted until the application gets them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.params import Depends
from starlette.responses import Response

Endpoint = Callable[..., Awaitable[Response]]


class Routes:
    """Routes below one prefix, with tags and dependencies in common; in the order in which they are tried."""

    def __init__(self, prefix: str = "", tags: Sequence[str] = (), dependencies: Sequence[Depends] = ()) -> None:
        self._prefix = prefix
        self._tags = [*tags]
        self._dependencies = [*dependencies]
        self._noted: list[tuple[str, Endpoint, dict[str, Any]]] = []

    def add_api_route(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        """Note a route; the options are those of FastAPI's method of this name."""
        self._noted.append((path, endpoint, options))

    def include(self, others: Routes) -> None:
        """Note the routes of others below this prefix."""
        self._noted += others.all()

    def all(self) -> list[tuple[str, Endpoint, dict[str, Any]]]:
        """Whole path, endpoint and options of each."""
        return [(self._prefix + path, endpoint, self._complete(options)) for path, endpoint, options in self._noted]

    def add_to(self, app: FastAPI) -> None:
        """Make them routes of the application."""
        for path, endpoint, options in self.all():
            app.add_api_route(path, endpoint, **options)

    def _complete(self, options: dict[str, Any]) -> dict[str, Any]:
        tags = [*self._tags, *options.get("tags", ())]
        return {**options, "tags": tags, "dependencies": [*self._dependencies, *options.get("dependencies", ())]}
