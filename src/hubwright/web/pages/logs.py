"""Parts of a log's page: some of its lines, and what a search finds in all of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from hubwright.errors import ParameterError
from hubwright.hub.log_search import LONGEST, Hits, Wanted
from hubwright.store.views import load_run
from hubwright.store.views_values import RunView
from hubwright.web.pages.frame import HEADERS, Frame
from hubwright.web.pages.jobs import read_number
from hubwright.web.pages.log_lines import CHUNK, LogLines

SHOWN = 200
"""Hits that are shown at once."""

AROUND = 3
"""Lines before and behind a hit that are shown with `around`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundLines:
    """What was searched and found; `html` has the lines from hit number `start` on, `wrong` says why there are none."""

    wanted: Wanted
    around: bool
    hits: Hits = Hits()  # noqa: RUF009 - it is frozen
    start: int = 0
    html: str = ""
    wrong: str = ""

    @property
    def shown(self) -> int:
        """The number of the first hit that is not shown any more, from nought."""
        return min(self.start + SHOWN, len(self.hits.lines))


class LogPages:
    """`/fragments/runs/{run}/…`: `log`, `groups`, `errors` and `search`."""

    def __init__(self, frame: Frame, logs: LogLines) -> None:
        self._frame = frame
        self._logs = logs

    async def fragment(self, request: Request) -> Response:
        """`GET /fragments/runs/{run}/log?from_line=&lines=`: a part of a log as HTML, at most 1,000 lines."""
        run: int = request.path_params["run"]
        first, count = read_number(request, "from_line") or 1, read_number(request, "lines")

        def read() -> tuple[str, int, int]:
            whole, lines = self._logs.whole_lines(run), self._logs.count(run)  # before reading: a promise kept
            return self._logs.paint(run, first, CHUNK if count is None else count), whole, lines

        await self._frame.site.copies.bring(run)
        html, whole, lines = await asyncio.to_thread(read)
        told = {"Log-Whole-Lines": str(whole), "Log-Lines": str(lines)}
        return Response(html, headers=HEADERS | told, media_type="text/html")

    async def groups(self, request: Request) -> Response:
        """`GET /fragments/runs/{run}/groups`: the groups of lines, as `GET /api/v1/runs/{run}/log/groups` has them."""
        number: int = request.path_params["run"]
        run = await self._frame.site.database.read(lambda connection: load_run(connection, number))
        await self._frame.site.copies.bring(number)
        return _answer(await asyncio.to_thread(self._logs.write_groups, run))

    async def errors(self, request: Request) -> Response:
        """`GET /fragments/runs/{run}/errors`: lines with errors, as `GET /api/v1/runs/{run}/log/errors` has them."""
        run: int = request.path_params["run"]
        await self._frame.site.copies.bring(run)
        return _answer(await asyncio.to_thread(self._logs.write_errors, run))

    async def search(self, request: Request) -> Response:
        """`GET /fragments/runs/{run}/search?q=&regex=&case=&around=&start=`: what is found, as HTML."""
        number: int = request.path_params["run"]
        run = await self._frame.site.database.read(lambda connection: load_run(connection, number))
        found = await self.find(request, run)
        return self._frame.show(request, "found.html", found=found, run=run)

    async def find(self, request: Request, run: RunView | None) -> FoundLines | None:
        """What the request's query searches, None when it does not."""
        query = request.query_params
        if run is None or not (text := query.get("q", "")[:LONGEST]):
            return None
        wanted = Wanted(text=text, regex="regex" in query, case="case" in query)
        found = FoundLines(wanted=wanted, around="around" in query, start=read_number(request, "start") or 0)
        await self._frame.site.copies.bring(run.id)
        try:
            hits = await self._logs.search.find(run.id, wanted)
        except ParameterError as error:
            return replace(found, wrong=str(error))
        links = f"/builds/{run.build_id}/runs/{run.id}"
        shown = hits.lines[found.start : found.start + SHOWN]
        html = await asyncio.to_thread(self._logs.paint_hits, run.id, shown, AROUND if found.around else 0, links)
        return replace(found, hits=hits, html=html)


def _answer(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), headers=HEADERS, media_type="application/json")
