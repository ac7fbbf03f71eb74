"""The pages of builders: all of them, one with its buttons, and the line that adds one."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.hub import fleet
from hubwright.store.builders import DRAIN, PAUSE
from hubwright.store.tokens import JOIN
from hubwright.store.views_builders import has_own_token, load_builder, load_done, load_held
from hubwright.store.views_queue import load_builders
from hubwright.web.api.builders import warn_of
from hubwright.web.api.tokens import NewToken, make_token
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number
from hubwright.web.pages.recorder import draw_charts
from hubwright.web.site import FACTS

_DONE = 25
_STREAM = "/fragments/stream?every=5"  # no fact tells of lag and load
_WISHES = {"pause": PAUSE, "resume": None, "drain": DRAIN}


class BuilderPages:
    """`/builders` and `/builders/{name}`; a name may contain slashes."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """The routes that change something; the others are guarded by the frame."""
        return [
            Route("/builders/join", self.join, methods=["POST"]),
            *(Route(f"/builders/{{name:path}}/{word}", self.wish, methods=["POST"]) for word in _WISHES),
            Route("/builders/{name:path}/revoke", self.revoke, methods=["POST"]),
            Route("/builders/{name:path}/remove", self.remove, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """`GET /builders?after=NAME`."""
        after = request.query_params.get("after") or None
        page = await self._frame.site.database.read(lambda connection: load_builders(connection, cursor=after))
        return self._list(request, page=page, line=None)

    async def show(self, request: Request) -> Response:
        """`GET /builders/{name}`."""
        name: str = request.path_params["name"]
        cursor = read_number(request, "before")
        shown = await self._frame.site.database.read(partial(_load, name=name, cursor=cursor))
        site = self._frame.site
        flights = [flight for run in shown["held"] if (flight := site.flight_of(run.id)) is not None and flight.points]
        charts = draw_charts(tuple(flights[0].points))[1:] if flights else ()
        return self._frame.show(
            request, "builder.html", **shown, vitals=site.vitals_of(name), charts=charts, stream=_STREAM
        )

    async def join(self, request: Request) -> Response:
        """`POST /builders/join`: a join token, in the line to copy."""
        request.state.asker = await self._frame.require(request, "admin")
        made = await make_token(self._frame.site, NewToken(role=JOIN))
        page = await self._frame.site.database.read(load_builders)
        response = self._list(request, page=page, line=made["command"], stream=None)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def wish(self, request: Request) -> Response:
        """`POST /builders/{name}/pause`, `…/resume`, `…/drain`."""
        asker = await self._frame.require(request, "write")
        name: str = request.path_params["name"]
        wanted = _WISHES[request.url.path.rpartition("/")[2]]
        now = self._frame.site.clock()
        work = partial(fleet.set_wish, name=name, wish=wanted, by=asker.name, now=now)
        await self._frame.site.database.write_soon(work)
        return self._changed(name)

    async def revoke(self, request: Request) -> Response:
        """`POST /builders/{name}/revoke`."""
        await self._frame.require(request, "admin")
        name, now = request.path_params["name"], self._frame.site.clock()
        await self._frame.site.database.write_soon(partial(fleet.shut_out, name=name, now=now))
        return self._changed(name)

    async def remove(self, request: Request) -> Response:
        """`POST /builders/{name}/remove`."""
        asker = await self._frame.require(request, "admin")
        name, now = request.path_params["name"], self._frame.site.clock()
        await self._frame.site.database.write_soon(partial(fleet.remove, name=name, by=asker.name, now=now))
        return self._changed(None)

    def _list(self, request: Request, **context: Any) -> Response:
        given = {"warn_of": warn_of, "vitals_of": self._frame.site.vitals_of, "stream": _STREAM, **context}
        return self._frame.show(request, "builders.html", **given)

    def _changed(self, name: str | None) -> Response:
        site = self._frame.site
        for queue in ("builders", "runs", "facts"):
            site.wake(queue)
        site.bell.ring(FACTS)
        return RedirectResponse("/builders" if name is None else f"/builders/{quote(name)}", 303)


def _load(connection: Connection, name: str, cursor: int | None) -> dict[str, Any]:
    builder = load_builder(connection, name)
    own, held = has_own_token(connection, name), load_held(connection, name)
    done = load_done(connection, name, _DONE, cursor)
    return {"builder": builder, "own": own, "held": held, "warning": warn_of(builder), "done": done}
