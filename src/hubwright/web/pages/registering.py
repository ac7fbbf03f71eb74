"""`POST /repositories`: the form that has a repository built from now on."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.errors import ForbiddenError
from hubwright.hub.addresses import COMMAND, AddressRules
from hubwright.hub.wishes import Wishes
from hubwright.web.pages.forms import read_fields
from hubwright.web.pages.frame import Frame


class RegisterForm:
    """The form's route."""

    def __init__(self, frame: Frame, wishes: Wishes, rules: AddressRules) -> None:
        self._frame = frame
        self._wishes = wishes
        self._rules = rules

    def routes(self) -> list[Route]:
        """The route."""
        return [Route("/repositories", self.register, methods=["POST"])]

    async def register(self, request: Request) -> Response:
        """Make a job of the repository, build its newest commit, and show that build."""
        await self._frame.require(request, "write")
        url = (await read_fields(request)).get("url", "")[:2000]
        if url.lstrip().startswith(COMMAND):
            raise ForbiddenError("An address that is a command is registered with `hubwright register`.")
        found = await asyncio.to_thread(self._rules.check, url)
        now = self._frame.site.clock()
        asked = await asyncio.to_thread(self._wishes.register, found.repository, found.clone_url, None, now)
        return RedirectResponse(f"/builds/{asked.build_id}", 303)
