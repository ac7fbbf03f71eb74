"""The first page: what broke, what runs, what waits, what came last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.waiting import Waiting, hide_others
from hubwright.hub.demo import REPOSITORY as DEMO
from hubwright.store.pauses import load_paused_jobs, load_stops
from hubwright.store.takes import Take, load_takes_of
from hubwright.store.views import load_builds, load_home
from hubwright.store.views_history import load_culprits
from hubwright.store.views_jobs import load_jobs
from hubwright.store.views_people import load_mine
from hubwright.store.views_queue import count_runs, load_builders
from hubwright.store.views_values import BuilderView, BuildFilter, BuildView, HomeView, QueuedView
from hubwright.store.views_waiting import QueuePart, load_queue, load_waiting_runs
from hubwright.web.askers import folders_of
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.people import Me, keep_me, read_me

_QUEUED = 8
_ROWS = 50  # of the queue's page
_MINE = 6
_NEWEST = 15
_BAD = frozenset({"failure", "error", "timeout"})
_STATES: tuple[Literal["queued", "running"], ...] = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Home:
    """What the first page shows. `culprits` are the builds that broke the broken ones, by these one's ids.

    `mine` are of who looks; `jobs`: whether there are any; `is_first`: none but the demo; `takes`: who mends what, by
    build.
    """

    view: HomeView
    culprits: dict[int, BuildView]
    mine: tuple[BuildView, ...]
    jobs: bool
    is_first: bool
    builders: tuple[BuilderView, ...]
    queue: tuple[tuple[QueuedView, Waiting], ...]
    takes: dict[int, Take]


@dataclass(frozen=True, slots=True)
class HomeShown:
    """When the page is shown, to whom, and below which folders; None for everything."""

    now: float
    me: Me | None
    folders: tuple[str, ...] | None


class HomePage:
    """`/` and `/queue`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, request: Request) -> Response:
        """`GET /`; `?me=NAME` keeps the name of who looks in their browser."""
        if "me" in request.query_params:
            return keep_me(request, request.query_params["me"])
        shown = HomeShown(self._frame.site.clock(), read_me(request), folders_of(request))
        home = await self._frame.site.database.read(lambda connection: load_shown(connection, shown))
        return self._frame.show(request, "home.html", home=home, me=shown.me, stream="/fragments/stream")

    async def queue(self, request: Request) -> Response:
        """`GET /queue?after=`."""
        after = request.query_params.get("after") or None
        now = self._frame.site.clock()
        limits = self._frame.site.platform_limits
        (runs, queues), stops, jobs = await self._frame.site.database.read(
            lambda connection: (
                load_queue(connection, QueuePart(_ROWS, after), now, limits),
                load_stops(connection),
                load_paused_jobs(connection),
            )
        )
        shown: dict[str, Any] = {"runs": runs.items, "queues": queues, "stops": stops, "jobs": jobs}
        shown |= {"next": runs.next, "after": after, "limits": limits}
        return self._frame.show(request, "queue.html", **shown, stream="/fragments/stream")


def load_shown(connection: Connection, shown: HomeShown) -> Home:
    """What the first page shows, and the status screen."""
    if shown.folders is None:
        return _load_home(connection, shown.now, shown.me)
    return _load_part(connection, shown.now, shown.me, shown.folders)


def _load_part(connection: Connection, now: float, me: Me | None, folders: tuple[str, ...]) -> Home:
    """The same of the jobs below these folders, as far as they tell nothing of others."""
    running, finished = (
        load_builds(connection, BuildFilter(state=state, folders=folders), _NEWEST).items
        for state in ("running", "finished")
    )
    counts = {state: count_runs(connection, state, folders) for state in _STATES}
    jobs = load_jobs(connection, limit=50, within=folders).items
    broken = tuple(one.newest for one in jobs if one.newest is not None and one.newest.result in _BAD)
    view = HomeView(
        running=running,
        finished=finished,
        broken=broken,
        queued=counts["queued"],
        running_runs=counts["running"],
    )
    waiting, _ = load_queue(connection, QueuePart(_QUEUED, None, folders), now)
    queue = tuple((run, hide_others(why)) for run, why in waiting.items)
    mine = _load_mine(connection, me, folders)
    return Home(
        view,
        load_culprits(connection, broken),
        mine,
        bool(jobs),
        is_first=False,
        builders=(),
        queue=queue,
        takes=load_takes_of(connection, broken),
    )


def _load_home(connection: Connection, now: float, me: Me | None) -> Home:
    view = load_home(connection, _NEWEST)
    jobs = load_jobs(connection, limit=2).items
    return Home(
        view,
        load_culprits(connection, view.broken),
        _load_mine(connection, me, None),
        jobs=bool(jobs),
        is_first=all(job.repository == DEMO for job in jobs),
        builders=load_builders(connection).items,
        queue=load_waiting_runs(connection, _QUEUED, now),
        takes=load_takes_of(connection, view.broken),
    )


def _load_mine(connection: Connection, me: Me | None, folders: tuple[str, ...] | None) -> tuple[BuildView, ...]:
    return load_mine(connection, me.name, _MINE, folders, by_name=not me.certain) if me else ()
