"""`/api/v1/runs`: a run, its log (whole, in parts, live), its test cases and files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hubwright.domain.test_difference import Change, identify
from hubwright.errors import NotFoundError, StorageError
from hubwright.hub.line_index import LineIndex
from hubwright.store.documents import write_totals
from hubwright.store.recordings import load_recording
from hubwright.store.test_strips import Strip, load_case, load_strips
from hubwright.store.views import load_build, load_run
from hubwright.store.views_lists import load_files
from hubwright.store.views_results import CaseFilter, load_tests
from hubwright.store.views_values import RunView
from hubwright.web.api.answers import MAX_NUMBER, Cursor, Limit, Number, TextCursor, answer, answer_page
from hubwright.web.api.documents import Documents, write_case
from hubwright.web.api.failures import write_difference
from hubwright.web.api.recordings import write_flight, write_recording
from hubwright.web.api.windows import (
    Window,
    find_lines,
    find_stage,
    has_escapes,
    read_plain,
    read_range,
    read_timed,
    read_window,
)
from hubwright.web.gate import Gate
from hubwright.web.problems import make_problem
from hubwright.web.routes import Routes
from hubwright.web.site import Site
from hubwright.web.streams import STREAMED, EventStream, follow_log

TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}
_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}

_BROUGHT = 60.0  # seconds that a whole log may take to come from elsewhere


class LogQuery(BaseModel):
    """Which part of a log: a stage by name or position, lines from `start` to `end` (from 1); `ansi=1` with colours."""

    stage: Annotated[str | None, Field(max_length=200, description="Only this stage, by name or position.")] = None
    ansi: Annotated[bool, Field(description="With colours and other escapes.")] = False
    ts: Annotated[bool, Field(description="Each line after the moment at which it came; without escapes.")] = False
    start: Annotated[int | None, Field(ge=1, le=10**12, description="The first line, from 1.")] = None
    end: Annotated[int | None, Field(ge=1, le=10**12, description="The last line.")] = None


class TestQuery(BaseModel):
    """Which test cases are wanted. A filter that is not known is refused: it would silently show everything."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    result: Annotated[Literal["passed", "skipped", "failed"] | None, Field(description="Only those that ended so.")] = (
        None
    )
    change: Annotated[Change | None, Field(description="Only those that changed so since the run before.")] = None
    flaky: Annotated[bool | None, Field(description="Only those that are known as flaky, or are not.")] = None
    limit: Limit = 200
    cursor: Cursor = None


class Runs:
    """The routes of runs."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate
        self._documents = Documents(site.public_url)
        self._index = LineIndex(site.logs)

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/runs", tags=["runs"])
        router.add_api_route("/{run_id}", self.show_run, methods=["GET"])
        router.add_api_route("/{run_id}/log", self.show_log, methods=["GET"], responses=TEXT)
        router.add_api_route("/{run_id}/log", self.show_log, methods=["HEAD"], include_in_schema=False)
        router.add_api_route("/{run_id}/log/stream", self.stream_log, methods=["GET"], responses=STREAMED)
        router.add_api_route("/{run_id}/tests", self.list_tests, methods=["GET"])
        router.add_api_route("/{run_id}/tests/{case_id}/history", self.show_history, methods=["GET"])
        router.add_api_route("/{run_id}/recorder", self.show_recorder, methods=["GET"])
        router.add_api_route("/{run_id}/artifacts", self.list_artifacts, methods=["GET"])
        return router

    async def show_run(self, run_id: Number) -> Response:
        """A run with its stages."""
        run = await self._load(run_id)
        ended = run.state == "finished" and run.log_size
        if not ended:
            await self._site.copies.bring(run_id)
        return answer({**self._documents.run(run), "log_size": ended or self._site.logs.size(run_id)})

    async def show_log(self, request: Request, run_id: Number, part: Annotated[LogQuery, Query()]) -> Response:
        """The log as text: without escapes, or with `ansi=1` as written. `Range` works where no byte is left out.

        With `ts=1` each line stands after the moment at which the hub had it, as `2026-01-31T23:59:59.123Z`.
        """
        run = await self._load(run_id)
        if not await self._site.copies.bring(run_id, _BROUGHT) and run.state == "finished":
            raise StorageError(
                f"The log of run {run_id} lies with a hub, or in a store, that is away: try again later."
            )
        window = await self._find(run, part)
        logs = self._site.logs
        if part.ts:
            return _Log(request, read_timed(self._index, logs, run_id, window), 200, _HEADERS)
        plain = not part.ansi and await asyncio.to_thread(has_escapes, logs, run_id, window)
        etag = f'"{run_id}-{window.start}-{window.end}{"-plain" if plain else ""}"'
        headers = {**_HEADERS, "ETag": etag}
        if etag in {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}:
            return Response(None, 304, headers)
        if plain:
            return _Log(request, read_plain(logs, run_id, window), 200, headers)
        headers["Accept-Ranges"] = "bytes"
        try:
            asked = _asked_range(request, window, etag)
        except ValueError as error:
            headers["Content-Range"] = f"bytes */{window.size}"
            return make_problem(
                416, "Range not satisfiable", f"Nothing of this range is there: {error}.", headers=headers
            )
        sent = window
        if asked is not None:
            sent = Window(window.start + asked.start, window.start + asked.end)
            headers["Content-Range"] = f"bytes {asked.start}-{asked.end - 1}/{window.size}"
        headers["Content-Length"] = str(sent.size)
        return _Log(request, read_window(logs, run_id, sent), 200 if asked is None else 206, headers)

    async def stream_log(
        self,
        request: Request,
        run_id: Number,
        start: Annotated[int, Query(alias="from", ge=0, le=MAX_NUMBER, description="The byte to begin at.")] = 0,
    ) -> Response:
        """The log as server-sent events, live to its end.

        `chunk`: `id` is the byte offset behind it (`Last-Event-ID` or `from` resumes there), data `{"text": …}`, or
        `{"base64": …}` for bytes that are not UTF-8. `end`: the run is over, data `{"state": …, "result": …}`.
        """
        run = await self._load(run_id)
        resumed = request.headers.get("last-event-id", "")
        if resumed.isdecimal() and len(resumed) < 16:
            start = int(resumed)
        return EventStream(follow_log(self._site, run, start), request, self._gate.check_reader, self._site.bell)

    async def list_tests(self, request: Request, run_id: Number, wanted: Annotated[TestQuery, Query()]) -> Response:
        """The run's test cases, as reported. `difference` says what changed in all since the run before.

        `result` (passed, skipped, failed), `change` and `flaky` narrow the list.
        """
        run = await self._load(run_id)
        chosen = CaseFilter(**wanted.model_dump(exclude={"limit", "cursor"}))
        page = await self._site.database.read(
            lambda connection: load_tests(connection, run_id, chosen, wanted.limit, wanted.cursor)
        )
        more = {"totals": write_totals(run.tests), "difference": write_difference(run)}
        return answer_page(request, page, write_case, self._site.public_url, more)

    async def show_history(self, run_id: Number, case_id: Number) -> Response:
        """What the test of this case did in the last 30 runs of each platform and matrix point, newest first.

        Of the run's branch and the default branch; `result` is null where a run has not reported it.
        """
        run = await self._load(run_id)

        def load(connection: Connection) -> tuple[tuple[str, str, str], tuple[Strip, ...]]:
            names = load_case(connection, run_id, case_id)
            if names is None:
                raise NotFoundError(f"Run {run_id} has no test case {case_id}.")
            test = identify(*names)
            return names, load_strips(connection, load_build(connection, run.build_id), [test])[test]

        (suite, classname, name), strips = await self._site.database.read(load)
        platforms = [self._documents.strip(one) for one in strips]
        return answer({"suite": suite, "classname": classname, "name": name, "platforms": platforms})

    async def show_recorder(self, run_id: Number) -> Response:
        """The black box: why a run ended as it should not, and the last minute of it (or of one that goes on)."""
        run = await self._load(run_id)
        kept = await self._site.database.read(lambda connection: load_recording(connection, run_id))
        if kept is not None and kept.cause is not None:
            return answer(write_recording(run_id, kept))
        flight = self._site.flight_of(run_id)
        if run.state == "finished" or flight is None or not flight.points:
            raise NotFoundError(f"Nothing was recorded of run {run_id}: it ended by itself, or has just begun.")
        return answer(write_flight(run_id, flight))

    async def list_artifacts(
        self, request: Request, run_id: Number, limit: Limit = 200, cursor: TextCursor = None
    ) -> Response:
        """The files that the run kept, by path."""
        await self._load(run_id)
        page = await self._site.database.read(lambda connection: load_files(connection, run_id, limit, cursor))
        return answer_page(request, page, self._documents.artifact, self._site.public_url)

    async def _load(self, run_id: Number) -> RunView:
        return await self._site.database.read(lambda connection: load_run(connection, run_id))

    async def _find(self, run: RunView, part: LogQuery) -> Window:
        size = self._site.logs.size(run.id)
        window = Window(0, size) if part.stage is None else find_stage(run, part.stage, size)
        if part.start is None and part.end is None:
            return window
        return await asyncio.to_thread(find_lines, self._index, run.id, window, part.start, part.end)


class _Log(StreamingResponse):
    """Text of a log; for HEAD only its headers."""

    def __init__(self, request: Request, body: AsyncIterator[bytes], status: int, headers: dict[str, str]) -> None:
        content = body if request.method == "GET" else ()
        super().__init__(content, status, headers, media_type="text/plain; charset=utf-8")


def _asked_range(request: Request, window: Window, etag: str) -> Window | None:
    header = request.headers.get("range")
    if header is None or request.headers.get("if-range", etag) != etag:
        return None
    return read_range(header, window.size)
