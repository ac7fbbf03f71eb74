"""The page that explains all."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.wording import ALL_LOOKS
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.manual import find_manual
from hubwright.web.pages.navigation import find_places


class ListPages:
    """`/help`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def help(self, request: Request) -> Response:
        """`GET /help`."""
        return self._frame.show(
            request,
            "help.html",
            looks=ALL_LOOKS,
            places=find_places(request.state.asker),
            manual=find_manual(self._frame.site.docs_url),
        )
