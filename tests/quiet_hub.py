"""A whole hub in this process: every door as `hubwright hub` has it, with nothing at work behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from starlette.routing import Route, WebSocketRoute

from hubwright.config import load_settings, origins
from hubwright.wiring.first_start import prepare
from hubwright.wiring.hub import Extras, Hub
from served import Rows, serve

NOWHERE = "http://127.0.0.1:9"


class Door(NamedTuple):
    """A way in: method (`WS` for a WebSocket), the address with its parameters, and the function behind it."""

    method: str
    path: str
    endpoint: Any

    @property
    def name(self) -> str:
        """Method and address."""
        return f"{self.method} {self.path}"


@dataclass
class WholeHub:
    """The hub, where it is served, and its rows."""

    hub: Hub
    url: str
    client: httpx2.Client
    rows: Rows

    def doors(self) -> list[Door]:
        """Every door but the webhooks', which lie in front of all this; HEAD comes with GET."""
        found = {door.name: door for door in _walk(self.hub.app._rest._app._app._app.router.routes)}  # type: ignore[attr-defined]
        return sorted(found.values(), key=lambda door: (door.path, door.method))


@contextmanager
def open_whole_hub(folder: Path, clock: Callable[[], float] = time.time, **flags: Any) -> Iterator[WholeHub]:
    """A private hub on `folder`; GitHub can't be reached. `clock` is what its doors go by."""
    given = {"data_dir": str(folder), "port": "8010", "anonymous_read": "false", "github.api_url": NOWHERE, **flags}
    settings = load_settings(given, None, {})
    told = tuple(origins(given, None, {}))
    hub = Hub(settings, Extras(clock=clock, told=told), prepare(settings), 8010)
    try:
        with serve(hub.app) as url, httpx2.Client(base_url=url, timeout=20) as client:
            yield WholeHub(hub, url, client, Rows(hub.site.database))
    finally:
        hub.site.logs.close()
        hub.parts.close()


def _walk(routes: Iterable[Any]) -> Iterator[Door]:
    for route in routes:
        if isinstance(route, WebSocketRoute):
            yield Door("WS", route.path, route.endpoint)
        elif isinstance(route, Route) or hasattr(route, "path_format"):
            for method in sorted(route.methods or ()):
                if method not in {"HEAD", "OPTIONS"} or route.methods == {method}:
                    yield Door(method, getattr(route, "path_format", None) or route.path, route.endpoint)
        else:
            raise AssertionError(f"a kind of route that this test does not know: {route!r}")
