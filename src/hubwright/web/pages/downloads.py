"""The page of a job's downloads: for each platform the newest good files, and how far they lie behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.wording import word_count, word_duration
from hubwright.store.downloads import DownloadView, load_downloads
from hubwright.web.pages.frame import Frame

_MAX_BRANCH = 300


class DownloadPages:
    """`/downloads/{job}`, with `?branch=` for another than the default branch."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, request: Request) -> Response:
        """`GET /downloads/{job}`."""
        job: str = request.path_params["path"].strip("/")
        branch = request.query_params.get("branch", "")[:_MAX_BRANCH] or None
        views = await self._frame.site.database.read(lambda connection: load_downloads(connection, job, branch))
        told = [(view, *split_platform(view.platform), word_freshness(view)) for view in views]
        given: dict[str, Any] = {"downloads": told, "matrix": arrange(views)}
        return self._frame.show(request, "downloads.html", job=job, branch=branch, stream=None, **given)


@dataclass(frozen=True, slots=True)
class Matrix:
    """The newest files by processor (rows) and system (columns), both in their order; None where there are none."""

    systems: tuple[str, ...]
    rows: tuple[tuple[str, tuple[DownloadView | None, ...]], ...]


def arrange(views: Sequence[DownloadView]) -> Matrix:
    """System 1's table of downloads. Of two names that are of one system and processor the first one counts."""
    cells: dict[tuple[str, str], DownloadView] = {}
    for view in views:
        cells.setdefault(split_platform(view.platform), view)
    systems = tuple(sorted({system for system, _ in cells}))
    processors = sorted({processor for _, processor in cells})
    rows = ((name, tuple(cells.get((system, name)) for system in systems)) for name in processors)
    return Matrix(systems, tuple(rows))


def split_platform(platform: str) -> tuple[str, str]:
    """System and processor of a platform's name: `linux-x86_64` is Linux' on x86_64."""
    system, _, processor = platform.partition("-")
    return system, processor


def word_freshness(view: DownloadView) -> str:
    """How old the files are beside the newest build, for people."""
    if view.behind == 0:
        return "of the newest build"
    late = "" if view.seconds_behind is None else f" and {word_duration(view.seconds_behind)}"
    return f"{word_count(view.behind, 'build')}{late} behind the newest"
