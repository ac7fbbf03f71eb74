"""The builders: what they are, and what people want of them."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hubwright.hub import fleet
from hubwright.hub.pulse import SKEWED
from hubwright.store.builders import DRAIN, PAUSE
from hubwright.store.views_builders import DoneView, load_builder, load_done
from hubwright.store.views_queue import load_builders
from hubwright.store.views_values import BuilderView
from hubwright.web.api.answers import Cursor, Limit, TextCursor, answer, answer_page, moment
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class Builders:
    """`/builders`. A name may contain slashes, so what is wanted of it stands at the end of the path."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["builders"])
        router.add_api_route("/builders", self.list, methods=["GET"])
        router.add_api_route("/builders/{name:path}/pause", self.pause, methods=["POST"])
        router.add_api_route("/builders/{name:path}/resume", self.resume, methods=["POST"])
        router.add_api_route("/builders/{name:path}/drain", self.drain, methods=["POST"])
        router.add_api_route("/builders/{name:path}/revoke", self.revoke, methods=["POST"])
        router.add_api_route("/builders/{name:path}/runs", self.list_runs, methods=["GET"])
        router.add_api_route("/builders/{name:path}", self.show, methods=["GET"])
        router.add_api_route("/builders/{name:path}", self.remove, methods=["DELETE"])
        return router

    async def list(self, request: Request, limit: Limit = 200, cursor: TextCursor = None) -> Response:
        """Builders by name, with the runs they hold."""
        page = await self._site.database.read(lambda connection: load_builders(connection, limit, cursor))
        return answer_page(request, page, write_builder, self._site.public_url)

    async def show(self, name: str) -> Response:
        """A builder with the runs that it holds."""
        return await self._answer(name)

    async def list_runs(self, request: Request, name: str, limit: Limit = 50, cursor: Cursor = None) -> Response:
        """The runs that a builder has ended, newest first."""
        page = await self._site.database.read(lambda connection: load_done(connection, name, limit, cursor))
        return answer_page(request, page, write_done, self._site.public_url)

    async def pause(self, request: Request, name: str) -> Response:
        """Give it no new runs, until it is resumed; those that it has go on. Also over restarts of either side."""
        return await self._wish(request, name, PAUSE)

    async def resume(self, request: Request, name: str) -> Response:
        """Give it runs again."""
        return await self._wish(request, name, None)

    async def drain(self, request: Request, name: str) -> Response:
        """Let it end its runs; then its process ends with exit code 0."""
        return await self._wish(request, name, DRAIN)

    async def revoke(self, request: Request, name: str) -> Response:
        """Revoke its own token: its connection ends at once, and its runs are lost."""
        await self._gate.require(request, "admin")
        now = self._site.clock()
        await self._site.database.write_soon(partial(fleet.shut_out, name=name, now=now))
        self._changed()
        return await self._answer(name)

    async def remove(self, request: Request, name: str) -> Response:
        """Forget a builder that is away; its own token is revoked, and its name is free."""
        asker = await self._gate.require(request, "admin")
        now = self._site.clock()
        await self._site.database.write_soon(partial(fleet.remove, name=name, by=asker.name, now=now))
        self._changed()
        return Response(status_code=204)

    async def _wish(self, request: Request, name: str, wish: str | None) -> Response:
        asker = await self._gate.require(request, "write")
        now = self._site.clock()
        wanted = partial(fleet.set_wish, name=name, wish=wish, by=asker.name, now=now)
        await self._site.database.write_soon(wanted)
        self._changed()
        return await self._answer(name)

    async def _answer(self, name: str) -> Response:
        return answer(write_builder(await self._site.database.read(partial(load_builder, name=name))))

    def _changed(self) -> None:
        for queue in ("builders", "runs", "facts"):
            self._site.wake(queue)


def write_builder(builder: BuilderView) -> dict[str, Any]:
    """A builder and the runs it holds. `lag` and `skew` in seconds.

    `state` is connected, away, on_demand (it is started when something waits), draining or paused.
    """
    return {
        "name": builder.name,
        "platform": builder.platform,
        "labels": builder.labels,
        "state": builder.shown,
        "slots": builder.slots,
        "used": len(builder.running),
        "running": builder.running,
        "version": builder.version,
        "executor": builder.executor,
        "wish": builder.wish,
        "lag": _rounded(builder.lag),
        "skew": _rounded(builder.skew),
        "warning": warn_of(builder),
        "connected_at": moment(builder.connected_at),
        "seen_at": moment(builder.seen_at),
    }


def write_done(done: DoneView) -> dict[str, Any]:
    """A run that a builder has ended."""
    return {**asdict(done), "started_at": moment(done.started_at), "finished_at": moment(done.finished_at)}


def warn_of(builder: BuilderView) -> str | None:
    """What people should mend about a builder, in one sentence."""
    if builder.skew is None or abs(builder.skew) < SKEWED:
        return None
    way = "ahead of" if builder.skew > 0 else "behind"
    return f"Its clock is {abs(builder.skew):.0f} seconds {way} the hub's: let it be set by NTP."


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
