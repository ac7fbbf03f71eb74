"""`/pauses`: what is paused, by whom and since when; and pausing and resuming jobs, platforms and the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.pauses import Pause, Stops
from hubwright.hub import pauses
from hubwright.store.pauses import load_paused_jobs, load_stops
from hubwright.web.api.answers import answer, moment
from hubwright.web.askers import folders_of, lies_below
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

Document = dict[str, Any]


class Pauses:
    """The routes. A job's path and a platform's name may contain slashes, so what is wanted stands at the end."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["queue"])
        router.add_api_route("/pauses", self.show, methods=["GET"])
        router.add_api_route("/queue/pause", self.pause_hub, methods=["POST"])
        router.add_api_route("/queue/resume", self.resume_hub, methods=["POST"])
        router.add_api_route("/platforms/{name:path}/pause", self.pause_platform, methods=["POST"])
        router.add_api_route("/platforms/{name:path}/resume", self.resume_platform, methods=["POST"])
        router.add_api_route("/jobs/{path:path}/pause", self.pause_job, methods=["POST"])
        router.add_api_route("/jobs/{path:path}/resume", self.resume_job, methods=["POST"])
        return router

    async def show(self, request: Request) -> Response:
        """What is paused now: the hub, platforms, jobs; `by` whom and `since` when."""
        return await self._answer(request)

    async def pause_hub(self, request: Request) -> Response:
        """Let no run start until the hub is resumed; what runs goes on. Also over restarts. For admins."""
        return await self._set(request, "admin", partial(pauses.set_hub, paused=True))

    async def resume_hub(self, request: Request) -> Response:
        """Let runs start again."""
        return await self._set(request, "admin", partial(pauses.set_hub, paused=False))

    async def pause_platform(self, request: Request, name: str) -> Response:
        """Let no run start on the platform's builders until it is resumed; `name` may be a glob. For admins."""
        return await self._set(request, "admin", partial(pauses.set_platform, name=name, paused=True))

    async def resume_platform(self, request: Request, name: str) -> Response:
        """Let runs start on the platform again; `name` as it was paused."""
        return await self._set(request, "admin", partial(pauses.set_platform, name=name, paused=False))

    async def pause_job(self, request: Request, path: str) -> Response:
        """Let no build of the job and its copies start until it is resumed; those that have begun go on."""
        return await self._set(request, "write", partial(pauses.set_job, path=path, paused=True))

    async def resume_job(self, request: Request, path: str) -> Response:
        """Let the job's builds start again, in their order."""
        return await self._set(request, "write", partial(pauses.set_job, path=path, paused=False))

    async def _set(self, request: Request, role: str, change: Callable[..., None]) -> Response:
        asker = await self._gate.require(request, role)
        now = self._site.clock()
        await self._site.database.write_soon(lambda connection: change(connection, by=asker.name, now=now))
        for queue in ("builders", "runs", "facts"):
            self._site.wake(queue)
        return await self._answer(request)

    async def _answer(self, request: Request) -> Response:
        """Who may know of some folders only is told of their jobs, and whether the hub is paused."""
        folders = folders_of(request)
        return answer(write_pauses(*await self._site.database.read(lambda found: load_pauses(found, folders))))


def write_pauses(stops: Stops, jobs: dict[str, Pause]) -> Document:
    """All pauses; `hub` is null while the hub is not paused."""
    return {
        "hub": None if stops.hub is None else _write(stops.hub),
        "platforms": [{"platform": name, **_write(one)} for name, one in stops.platforms.items()],
        "jobs": [{"job": path, **_write(one)} for path, one in jobs.items()],
    }


def load_pauses(connection: Connection, folders: Sequence[str] | None) -> tuple[Stops, dict[str, Pause]]:
    """What is paused; with folders only the jobs below these, and whether the hub is."""
    stops, jobs = load_stops(connection), load_paused_jobs(connection)
    if folders is None:
        return stops, jobs
    return Stops(hub=stops.hub), {path: one for path, one in jobs.items() if lies_below(path, folders)}


def _write(pause: Pause) -> Document:
    return {"by": pause.by, "since": moment(pause.at)}
