"""The first page: what broke, what runs, what waits, what came last."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.views import load_home
from hubwright.store.views_history import load_culprits
from hubwright.store.views_jobs import load_jobs
from hubwright.store.views_queue import explain_wait, load_builders, load_queue
from hubwright.store.views_values import BuilderView, BuildView, HomeView, JobView, QueuedView
from hubwright.web.pages.frame import Frame

_QUEUED = 8
_NEWEST = 15


@dataclass(frozen=True, slots=True)
class Home:
    """What the first page shows. `culprits` are the builds that broke the broken ones, by these one's ids."""

    view: HomeView
    culprits: dict[int, BuildView]
    jobs: tuple[JobView, ...]
    builders: tuple[BuilderView, ...]
    queue: tuple[tuple[QueuedView, str], ...]


class HomePage:
    """`/` and `/queue`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, request: Request) -> Response:
        """`GET /`."""
        home = await self._frame.site.database.read(_load_home)
        return self._frame.show(request, "home.html", home=home, stream="/fragments/stream")

    async def queue(self, request: Request) -> Response:
        """`GET /queue`."""
        queue = await self._frame.site.database.read(lambda connection: load_reasons(connection, 200))
        return self._frame.show(request, "queue.html", queue=queue, stream="/fragments/stream")


def _load_home(connection: Connection) -> Home:
    view = load_home(connection, _NEWEST)
    return Home(
        view,
        load_culprits(connection, view.broken),
        load_jobs(connection, limit=50).items,
        load_builders(connection).items,
        load_reasons(connection, _QUEUED),
    )


def load_reasons(connection: Connection, limit: int) -> tuple[tuple[QueuedView, str], ...]:
    """The waiting runs in their order, each with what it waits for."""
    builders = load_builders(connection).items
    return tuple((queued, explain_wait(queued.platform, builders)) for queued in load_queue(connection, limit))
