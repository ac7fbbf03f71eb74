"""What is to be seen in a run's log: groups of lines, lines that tell errors, lines that a search finds."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hubwright.domain.ansi import strip_escapes
from hubwright.hub.line_index import LineIndex
from hubwright.hub.log_search import LONGEST, MOST, Hits, LogSearch, Wanted
from hubwright.store.views import load_run
from hubwright.store.views_values import RunView
from hubwright.web.api.answers import Number, answer
from hubwright.web.log_finds import LogFinds
from hubwright.web.routes import Routes
from hubwright.web.site import Site

_TEXTS = 200  # hits whose text is told, too
_LONGEST_TEXT = 500


class SearchQuery(BaseModel):
    """What is searched in a log, on all of its lines."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, Field(min_length=1, max_length=LONGEST, description="What is searched.")]
    regex: Annotated[bool, Field(description="Whether `q` is a regular expression, of Python.")] = False
    case: Annotated[bool, Field(description="Whether capital and small letters differ.")] = False


class LogViews:
    """The routes of what is found in logs."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._index = LineIndex(site.logs)
        self._finds = LogFinds(site.logs)
        self._search = LogSearch(site.logs)

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/runs", tags=["runs"])
        router.add_api_route("/{run_id}/log/groups", self.list_groups, methods=["GET"])
        router.add_api_route("/{run_id}/log/errors", self.list_errors, methods=["GET"])
        router.add_api_route("/{run_id}/log/search", self.search_log, methods=["GET"])
        return router

    async def list_groups(self, run_id: Number) -> Response:
        """The groups of lines that the build marked, in the order of their first lines; they nest.

        Lines are counted from the log's first. `ended` is false while lines may still come to it; `folded` says
        whether a viewer shows its first line only: what has ended without an error. `seconds` is null where no time
        was noted. Of marks in a log the first 10,000 count; `complete` says whether that is all.
        """
        run = await self._load(run_id)
        return answer(await asyncio.to_thread(self._finds.write_groups, run))

    async def list_errors(self, run_id: Number) -> Response:
        """The numbers of the lines that tell an error, as compilers and test runners do: the first 10,000."""
        await self._load(run_id)
        return answer(await asyncio.to_thread(self._finds.write_errors, run_id))

    async def search_log(self, run_id: Number, wanted: Annotated[SearchQuery, Query()]) -> Response:
        """The numbers of the lines with these words, escapes apart; with the text of the first 200 of them.

        At most 5,000 lines, in at most three seconds: when `complete` is false, only the first `searched` lines were
        looked at, for the reason in `cut`.
        """
        await self._load(run_id)
        asked = Wanted(text=wanted.q, regex=wanted.regex, case=wanted.case)
        hits = await self._search.find(run_id, asked)
        return answer(await asyncio.to_thread(self._write_hits, run_id, hits))

    def _write_hits(self, run: int, hits: Hits) -> dict[str, Any]:
        texts = [{"line": line, "text": self._read_text(run, line)} for line in hits.lines[:_TEXTS]]
        told = {"lines": hits.lines, "most": MOST, "searched": hits.searched, "complete": hits.complete}
        return told | {"cut": hits.cut or None, "texts": texts}

    def _read_text(self, run: int, line: int) -> str:
        lines = self._index.read_lines(run, line, 1)
        return strip_escapes(lines[0]).decode("utf-8", "replace").rstrip("\r")[:_LONGEST_TEXT] if lines else ""

    async def _load(self, run_id: int) -> RunView:
        run = await self._site.database.read(lambda connection: load_run(connection, run_id))
        await self._site.copies.bring(run_id)
        return run
