"""The pages of known failures: all of them, the newest first, and one with where and when it was seen."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.known_failures import MAX_ISSUE, KnownFailure, issue_address, word_seen
from hubwright.errors import NotFoundError
from hubwright.hub.known_failures import IssueWish, link_failure
from hubwright.store.views_failures import (
    FailureFilter,
    IssueView,
    SeenView,
    load_issue,
    load_known_failure,
    load_known_failures,
    load_seen,
    load_twins,
)
from hubwright.web.askers import folders_of, sees
from hubwright.web.pages.forms import read_fields
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

STREAM = "/fragments/stream"

_ROWS = 50
_MAX_PATH = 400
_MAX_NUMBER = 2**63 - 1


class FailureRow(NamedTuple):
    """A known failure, what is said of it, and where its issue is."""

    failure: KnownFailure
    words: str
    issue_url: str | None


class Story(NamedTuple):
    """What the page of one failure shows."""

    failure: KnownFailure
    issue: IssueView | None
    seen: tuple[SeenView, ...]
    twins: tuple[KnownFailure, ...]


class FailurePages:
    """`/failures` and `/failures/{id}`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """Those of the pages, and of the form that links an issue."""
        return [
            Route("/failures", self._frame.guard(self.list)),
            Route("/failures/{id:int}", self._frame.guard(self.show)),
            Route("/failures/{id:int}/issue", self.link, methods=["POST"]),
        ]

    async def list(self, request: Request) -> Response:
        """`GET /failures?job=&linked=&before=`."""
        job = request.query_params.get("job", "").replace("\0", "").strip().strip("/")[:_MAX_PATH]
        linked = {"true": True, "false": False}.get(request.query_params.get("linked", ""))
        if job and not sees(request, job):
            raise NotFoundError(f"There is no job {job!r}.")
        wanted, before = FailureFilter(job or None, linked, folders_of(request)), read_number(request, "before")
        page = await self._frame.site.database.read(
            lambda connection: load_known_failures(connection, wanted, _ROWS, before)
        )
        rows = [self._make_row(one) for one in page.items]
        told: dict[str, Any] = {"rows": rows, "next": page.next, "job": job, "linked": linked}
        return self._frame.show(request, "failures.html", **told, turned=before is not None, stream="/fragments/stream")

    async def show(self, request: Request) -> Response:
        """`GET /failures/{id}`."""
        number = _read_id(request)

        def load(connection: Connection) -> Story:
            one = load_known_failure(connection, number)
            twins = tuple(twin for twin in load_twins(connection, one) if sees(request, twin.job))
            return Story(one, load_issue(connection, one.issue), load_seen(connection, number), twins)

        story = await self._frame.site.database.read(load)
        history = await asyncio.to_thread(self._frame.site.history_of, number)
        row = self._make_row(story.failure)
        return self._frame.show(request, "failure.html", story=story, row=row, history=history, stream=STREAM)

    async def link(self, request: Request) -> Response:
        """`POST /failures/{id}/issue`: the issue that is about it, or nothing."""
        asker = await self._frame.require(request, "write")
        number = _read_id(request)
        text = (await read_fields(request)).get("issue", "")[: MAX_ISSUE + 1]
        site = self._frame.site
        wish, hosted = IssueWish(text, asker.name, site.clock()), site.clone_base
        await site.database.write_soon(lambda connection: link_failure(connection, number, wish, hosted))
        return RedirectResponse(f"/failures/{number}", 303)

    def _make_row(self, one: KnownFailure) -> FailureRow:
        return FailureRow(one, word_seen(one), issue_address(one.issue, self._frame.site.clone_base))


def _read_id(request: Request) -> int:
    """Raises NotFoundError for a number that no database holds."""
    number: int = request.path_params["id"]
    if number > _MAX_NUMBER:
        raise NotFoundError(f"There is no known failure {number % 10**12}.")
    return number
