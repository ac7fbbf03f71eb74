"""Asking the database: `POST /api/v1/sql`, and the page `/sql`. For admins; what is asked is logged with who asked."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

import msgspec
import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.errors import TooLargeError, UnprocessableError
from hubwright.store.schema import metadata
from hubwright.store.sql import MAX_TEXT, Questions
from hubwright.store.sql_answers import Found, write_csv, write_objects
from hubwright.store.sql_tables import READABLE
from hubwright.store.tokens import SQL
from hubwright.web.api.answers import answer
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.gate import Asker, Gate
from hubwright.web.pages.frame import HEADERS, Frame
from hubwright.web.routes import Routes

_MAX_FORM = 8 * MAX_TEXT
_LOGGED = 500
_MAX_CELL = 300
"""Characters of a value on the page; the files have all of it."""

EXAMPLES = {
    "Builds by repository": """SELECT repository, count(*) AS builds, max(finished_at) AS last
FROM build GROUP BY repository ORDER BY builds DESC""",
    "Newest failures": """SELECT build.id, job.path, build.number, build.branch, build.author_name, build.finished_at
FROM build JOIN job ON job.id = build.job_id
WHERE build.result = 'failure' ORDER BY build.id DESC LIMIT 50""",
    "Open pull requests": """SELECT gh_repository.full_name, number, title, user_login, gh_pull_request.updated_at
FROM gh_pull_request JOIN gh_repository ON gh_repository.id = repository_id
WHERE state = 'open' AND gh_pull_request.deleted_at IS NULL ORDER BY gh_pull_request.updated_at DESC LIMIT 100""",
    "Flaky tests": """SELECT job.path, suite, name, times, seen_at
FROM flaky_test JOIN job ON job.id = job_id ORDER BY times DESC LIMIT 100""",
    "Builders": "SELECT name, platform, state, slots, version, seen_at FROM builder ORDER BY name",
    "What was delivered": """SELECT event, count(*) AS deliveries, max(received_at) AS last
FROM delivery GROUP BY event ORDER BY deliveries DESC""",
}
"""Questions to begin with; they hold on both databases."""

logger = structlog.get_logger()


class _Question(msgspec.Struct, frozen=True):
    query: str
    rows: int | None = None


class SqlDoors:
    """The route of the API and those of the page."""

    def __init__(self, gate: Gate, frame: Frame, questions: Questions) -> None:
        self._gate = gate
        self._frame = frame
        self._questions = questions

    def make_router(self) -> Routes:
        """`POST /api/v1/sql`."""
        router = Routes(prefix="/api/v1", tags=["replica"])
        router.add_api_route("/sql", self.answer, methods=["POST"], openapi_extra=takes(_Question))
        return router

    def routes(self) -> list[Route]:
        """The page: its form, and what the form is sent to."""
        return [Route("/sql", self.show, methods=["GET"]), Route("/sql", self.show_found, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        """One SELECT, `{"query", "rows"}`: `{"columns", "rows", "cut", "seconds"}`, or CSV where `Accept` says so."""
        asker = await self._gate.require(request, SQL)
        asked = convert(await read_object(request), _Question)
        found = await self._ask(asker, asked.query, asked.rows)
        if "text/csv" in request.headers.get("accept", ""):
            return _as_file(write_csv(found), "csv")
        return answer({"columns": found.columns, "rows": found.rows, "cut": found.cut, "seconds": found.seconds})

    async def show(self, request: Request) -> Response:
        """`GET /sql?query=`: the form, filled but not sent."""
        request.state.asker = await self._gate.require(request, SQL)
        return self._page(request, request.query_params.get("query", next(iter(EXAMPLES.values())))[:MAX_TEXT])

    async def show_found(self, request: Request) -> Response:
        """`POST /sql`: the answer below the form, or as a file."""
        request.state.asker = asker = await self._gate.require(request, SQL)
        fields = await _read_form(request)
        query = fields.get("query", "")
        try:
            found = await self._ask(asker, query, None)
        except UnprocessableError as error:
            return self._page(request, query, problem=str(error), status=422)
        if fields.get("format") == "csv":
            return _as_file(write_csv(found, for_sheets=True), "csv")
        if fields.get("format") == "json":
            return _as_file(orjson.dumps(write_objects(found)), "json")
        return self._page(request, query, found=found)

    async def _ask(self, asker: Asker, query: str, rows: int | None) -> Found:
        logger.info("sql", by=asker.name, query=query[:_LOGGED])
        return await asyncio.to_thread(self._questions.ask, query, rows=rows)

    def _page(
        self, request: Request, query: str, *, found: Found | None = None, problem: str = "", status: int = 200
    ) -> Response:
        given = {"query": query, "found": found, "problem": problem, "longest": _MAX_CELL, "tables": list_columns()}
        return self._frame.show(
            request, "sql.html", status=status, bounds=self._questions.bounds, examples=EXAMPLES, **given
        )


def list_columns() -> dict[str, list[str]]:
    """The columns of each table that may be asked."""
    return {name: [column.name for column in metadata.tables[name].columns] for name in sorted(READABLE)}


def _as_file(content: str | bytes, kind: str) -> Response:
    media = {"csv": "text/csv; charset=utf-8", "json": "application/json"}[kind]
    named = {"Content-Disposition": f'attachment; filename="hubwright.{kind}"', "Cache-Control": "no-store"}
    return Response(content, 200, {**HEADERS, **named}, media_type=media)


async def _read_form(request: Request) -> dict[str, str]:
    """The form's fields. Raises TooLargeError, UnprocessableError."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_FORM:
            raise TooLargeError(f"A question has at most {MAX_TEXT} characters.")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=10)
    except ValueError as error:
        raise UnprocessableError("This is not the page's form.") from error
    return {name: values[0] for name, values in fields.items()}
