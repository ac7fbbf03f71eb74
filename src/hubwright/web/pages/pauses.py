"""The buttons that pause and resume a job, on its page, and a platform or the hub, on that of the queue."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.hub import pauses
from hubwright.web.pages.frame import Frame
from hubwright.web.site import FACTS


class PausePages:
    """`…/pause` and `…/resume` below `/jobs/{path}`, `/platforms/{name}` and `/queue`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """All routes."""
        places = {"/jobs/{path:path}": self.job, "/platforms/{name:path}": self.platform, "/queue": self.hub}
        return [
            Route(f"{place}/{word}", act, methods=["POST"])
            for place, act in places.items()
            for word in ("pause", "resume")
        ]

    async def job(self, request: Request) -> Response:
        """`POST /jobs/{path}/pause`, `…/resume`."""
        path: str = request.path_params["path"]
        return await self._set(request, "write", partial(pauses.set_job, path=path), f"/jobs/{quote(path)}")

    async def platform(self, request: Request) -> Response:
        """`POST /platforms/{name}/pause`, `…/resume`; the name may be a glob."""
        return await self._set(request, "admin", partial(pauses.set_platform, name=request.path_params["name"]))

    async def hub(self, request: Request) -> Response:
        """`POST /queue/pause`, `…/resume`."""
        return await self._set(request, "admin", pauses.set_hub)

    async def _set(self, request: Request, role: str, change: Callable[..., None], back: str = "/queue") -> Response:
        asker = await self._frame.require(request, role)
        site = self._frame.site
        paused, now = request.url.path.endswith("/pause"), site.clock()
        await site.database.write_soon(lambda connection: change(connection, by=asker.name, now=now, paused=paused))
        for queue in ("builders", "runs", "facts"):
            site.wake(queue)
        site.bell.ring(FACTS)
        return RedirectResponse(back, 303)
