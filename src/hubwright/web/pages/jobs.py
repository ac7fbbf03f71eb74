"""The pages of jobs: all of them, a folder, one job with its history."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.job_parameters import Parameter
from hubwright.domain.pauses import Pause
from hubwright.errors import NotFoundError
from hubwright.store import jobs
from hubwright.store.folders import Folder, load_folder, load_subfolders
from hubwright.store.takes import Take, load_takes_of
from hubwright.store.triggers import load_times
from hubwright.store.views import load_builds
from hubwright.store.views_bisections import BisectionView, load_bisections
from hubwright.store.views_history import load_usual_duration
from hubwright.store.views_jobs import load_copies, load_job, load_jobs
from hubwright.store.views_values import BuildFilter, BuildView, JobView, Page
from hubwright.web.askers import folders_of, lies_below
from hubwright.web.pages.charts import Bar, draw_strip
from hubwright.web.pages.frame import Frame

_STRIP = 30
_HISTORY = 30
_SEARCHES = 5
_FOLDERS = 50
_COPIES = 8
_MAX_BRANCH = 300
_RESULTS = ("success", "failure", "error", "timeout", "cancellation", "skip")


@dataclass(frozen=True, slots=True)
class Job:
    """What the page of a job shows. `branches` are the newest build of each, out of the last `_HISTORY`.

    `builds` are those of `asked`; `times` are its schedules, each with when it comes next; `copies` the newest of
    those that are open; `takes` tells who mends which branch, by its build.
    """

    view: JobView
    asked: BuildFilter
    builds: tuple[BuildView, ...]
    older: int | str | None
    branches: tuple[BuildView, ...]
    strip: list[Bar]
    usual: float | None
    passed: int
    settled: int
    parameters: tuple[Parameter, ...]
    times: tuple[tuple[str, float], ...]
    paused: Pause | None
    searches: tuple[BisectionView, ...]
    copies: Page[JobView]
    takes: dict[int, Take]


class JobPages:
    """`/jobs` and `/jobs/{path}`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def list(self, request: Request) -> Response:
        """`GET /jobs`."""
        return await self._folder(request, "")

    async def show(self, request: Request) -> Response:
        """`GET /jobs/{path}?branch=&result=&before=`: a job, or the folder of that name."""
        path: str = request.path_params["path"].strip("/")
        asked, cursor = _read_asked(request, path), read_number(request, "before")
        try:
            job = await self._frame.site.database.read(lambda connection: _load_job(connection, asked, cursor))
        except NotFoundError:
            return await self._folder(request, path)
        once = secrets.token_hex(16)  # a form that is sent twice starts one build
        return self._frame.show(request, "job.html", job=job, results=_RESULTS, once=once, stream="/fragments/stream")

    async def _folder(self, request: Request, folder: str) -> Response:
        within = folders_of(request)
        asked = (request.query_params.get(name, "") for name in ("after", "folders"))
        after, of_folders = (cursor.replace("\0", "")[:500] or None for cursor in asked)
        hidden = within is not None and folder not in within and not lies_below(folder, within)

        def load(connection: Connection) -> tuple[Page[JobView], Page[Folder]]:
            page = load_jobs(connection, folder, cursor=after, within=within)
            if folder and not page.items and (hidden or load_folder(connection, folder) is None):
                raise NotFoundError(f"There is no job {folder!r}.")
            return page, Page(()) if hidden else load_subfolders(connection, folder, _FOLDERS, of_folders)

        page, folders = await self._frame.site.database.read(load)
        return self._frame.show(
            request, "jobs.html", folder=folder, page=page, folders=folders, stream="/fragments/stream"
        )


def _read_asked(request: Request, path: str) -> BuildFilter:
    """Which of the job's builds are wanted; a result that there is not counts as none."""
    branch = request.query_params.get("branch", "").replace("\0", "").strip()[:_MAX_BRANCH]
    result = request.query_params.get("result", "")
    return BuildFilter(job=path, told=True, branch=branch or None, result=result if result in _RESULTS else None)


def _load_job(connection: Connection, asked: BuildFilter, cursor: int | None) -> Job:
    path = asked.job or ""
    view, defined = load_job(connection, path), jobs.load_job(connection, path)
    wanted = BuildFilter(job=path, told=True)
    newest = load_builds(connection, wanted, limit=_HISTORY)
    all_of_it = cursor is None and asked == wanted
    shown = newest if all_of_it else load_builds(connection, asked, limit=_HISTORY, cursor=cursor)
    branches = _newest_of_each_branch(newest.items)
    results = [build.result for build in newest.items[:_STRIP] if build.result not in {None, "skip", "cancellation"}]
    return Job(
        view,
        asked,
        shown.items,
        shown.next,
        branches,
        draw_strip(newest.items[:_STRIP]),
        load_usual_duration(connection, view.id),
        results.count("success"),
        len(results),
        defined.settings.parameters if defined is not None else (),
        tuple((row.cron, row.next_at) for row in load_times(connection, view.id) if row.next_at is not None),
        defined.paused if defined is not None else None,
        load_bisections(connection, job_path=path, limit=_SEARCHES).items,
        load_copies(connection, view.id, _COPIES) if view.copy_of is None else Page(()),
        load_takes_of(connection, branches),
    )


def _newest_of_each_branch(builds: Sequence[BuildView]) -> tuple[BuildView, ...]:
    newest: dict[str, BuildView] = {}
    for build in builds:
        newest.setdefault(f"#{build.pull_request}" if build.pull_request else build.branch or build.ref, build)
    return tuple(newest.values())


def read_number(request: Request, name: str) -> int | None:
    """A number out of the query, None when it is missing or not one that a row could have."""
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 15 else None
