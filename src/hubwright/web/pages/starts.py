"""`POST /jobs/{path}/builds`: the form of a job's page that starts a build with parameters."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.refs import check_ref
from hubwright.errors import UnprocessableError
from hubwright.hub.wishes import Wishes
from hubwright.web.pages.forms import read_fields
from hubwright.web.pages.frame import Frame

PREFIX = "parameter."
"""Fields of the form that are parameters begin so; one that is left out of the form is not answered."""


class StartPages:
    """The form's route."""

    def __init__(self, frame: Frame, wishes: Wishes) -> None:
        self._frame = frame
        self._wishes = wishes

    def routes(self) -> list[Route]:
        """The route."""
        return [Route("/jobs/{path:path}/builds", self.start, methods=["POST"])]

    async def start(self, request: Request) -> Response:
        """Start a build, and show it."""
        asker = await self._frame.require(request, "write")
        path: str = request.path_params["path"]
        fields = await read_fields(request)
        if not fields.get("once"):
            raise UnprocessableError("This is not the page's form: open the job's page again.")
        ref = fields.get("ref", "").strip() or None
        if ref is not None:
            check_ref(ref)
        typed = {name.removeprefix(PREFIX): text for name, text in fields.items() if name.startswith(PREFIX)}
        asked = await asyncio.to_thread(
            self._wishes.start, path, ref, None, asker.name, fields["once"][:200], self._frame.site.clock(), typed
        )
        return RedirectResponse(f"/builds/{asked.build_id}", 303)
