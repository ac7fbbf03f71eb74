"""The status screen: what stands on a wall and is read from afar."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.views_jobs import load_jobs
from hubwright.store.views_values import JobView
from hubwright.web.askers import folders_of
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.home import Home, HomeShown, load_shown

MAX_JOBS = 100
"""Jobs with a place on the screen; the broken ones are there in any case."""


@dataclass(frozen=True, slots=True)
class _Screen:
    home: Home
    jobs: tuple[JobView, ...]
    more: bool


class TvPage:
    """`/tv`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, request: Request) -> Response:
        """`GET /tv`."""
        shown = HomeShown(self._frame.site.clock(), None, folders_of(request))
        screen = await self._frame.site.database.read(lambda connection: _load(connection, shown))
        return self._frame.show(request, "tv.html", screen=screen, home=screen.home, stream="/fragments/stream")


def _load(connection: Connection, shown: HomeShown) -> _Screen:
    jobs = load_jobs(connection, limit=MAX_JOBS, within=shown.folders)
    return _Screen(load_shown(connection, shown), jobs.items, jobs.next is not None)
