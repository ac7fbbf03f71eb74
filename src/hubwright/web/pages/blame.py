"""The page of blame: who broke which job since when, who mended it and after how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.grid_values import Breakage, GridFilter
from hubwright.store.views_blame import BlameFilter, load_breakages
from hubwright.store.views_branches import find_grid
from hubwright.store.views_values import Page
from hubwright.web.askers import folders_of
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.grids import read_text
from hubwright.web.pages.jobs import read_number

_ROWS = 50


class Deeds(NamedTuple):
    """How often somebody broke a job, and mended one."""

    author: str
    broke: int
    mended: int


def count_deeds(breakages: Sequence[Breakage]) -> list[Deeds]:
    """Who did what, those who broke most first, as system 0 counted it."""
    broke = Counter(one.broke.author for one in breakages)
    mended = Counter(one.fixed.author for one in breakages if one.fixed is not None)
    found = [Deeds(name, broke[name], mended[name]) for name in {*broke, *mended}]
    return sorted(found, key=lambda one: (-one.broke, -one.mended, one.author))


class BlamePage:
    """`/blame`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def show(self, request: Request) -> Response:
        """`GET /blame?repo=OWNER/NAME&before=`."""
        repo, before = read_text(request, "repo"), read_number(request, "before")
        folders = folders_of(request)

        def load(connection: Connection) -> tuple[GridFilter | None, Page[Breakage]]:
            of = None if repo is None else find_grid(connection, repo, folders)
            return of, load_breakages(connection, BlameFilter(of, folders), _ROWS, before)

        wanted, page = await self._frame.site.database.read(load)
        shown: dict[str, Any] = {"wanted": wanted, "page": page, "deeds": count_deeds(page.items)}
        return self._frame.show(request, "blame.html", **shown, turned=before is not None, stream="/fragments/stream")
