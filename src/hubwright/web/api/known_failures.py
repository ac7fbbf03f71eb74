"""`/api/v1/known-failures`: failures that were seen before, how often and where, and the issues that are about them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.known_failures import MAX_ISSUE, KnownFailure
from hubwright.errors import NotFoundError, UnprocessableError
from hubwright.hub.known_failures import IssueWish, link_failure
from hubwright.reports.search_history import History
from hubwright.store.documents import Document, moment
from hubwright.store.views_failures import (
    FailureFilter,
    IssueView,
    SeenView,
    load_issue,
    load_known_failure,
    load_known_failures,
    load_seen,
)
from hubwright.web.api.answers import Cursor, Limit, Number, answer, answer_page
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.api.known_documents import write_known
from hubwright.web.askers import folders_of, sees
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class NewIssue(msgspec.Struct):
    """What PUT takes: `7`, `#7`, `OWNER/NAME#7` or the address of an issue."""

    issue: str


class KnownFailures:
    """The routes of known failures."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/known-failures", tags=["builds"])
        router.add_api_route("", self.list_failures, methods=["GET"])
        router.add_api_route("/{number}", self.show_failure, methods=["GET"])
        router.add_api_route("/{number}/issue", self.link, methods=["PUT"], openapi_extra=takes(NewIssue))
        router.add_api_route("/{number}/issue", self.unlink, methods=["DELETE"])
        return router

    async def list_failures(
        self,
        request: Request,
        job: Annotated[str | None, Query(max_length=400, description="Of the job or copy at this path.")] = None,
        linked: Annotated[bool | None, Query(description="Only those that are linked to an issue, or are not.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """What failed, each failure once however often it was seen; those that were seen last come first."""
        path = None if job is None else job.strip("/")
        if path is not None and not sees(request, path):
            raise NotFoundError(f"There is no job {path!r}.")
        wanted = FailureFilter(path, linked, folders_of(request))
        page = await self._site.database.read(lambda connection: load_known_failures(connection, wanted, limit, cursor))
        return answer_page(request, page, self._write, self._site.public_url)

    async def show_failure(self, number: Number) -> Response:
        """One failure, what is known of its issue, and the newest runs that it was seen in.

        `history` is what a search engine knows of it, null where there is none or it does not answer.
        """

        def load(connection: Connection) -> tuple[KnownFailure, IssueView | None, tuple[SeenView, ...]]:
            one = load_known_failure(connection, number)
            return one, load_issue(connection, one.issue), load_seen(connection, number)

        one, issue, seen = await self._site.database.read(load)
        told = None if issue is None else {"title": issue.title, "state": issue.state}
        runs = [self._write_seen(run) for run in seen]
        history = _write_history(await asyncio.to_thread(self._site.history_of, number))
        return answer({**self._write(one), "issue_on_github": told, "runs": runs, "history": history})

    async def link(self, request: Request, number: Number) -> Response:
        """Say which issue it is about: `{"issue": "#7"}`; `OWNER/NAME#7` and addresses are taken too."""
        asker = await self._gate.require(request, "write")
        text = convert(await read_object(request), NewIssue).issue
        if not 1 <= len(text.strip()) <= MAX_ISSUE:
            raise UnprocessableError(f"issue: 1 to {MAX_ISSUE} characters are expected.", "/issue")
        return await self._change(number, IssueWish(text, asker.name, self._site.clock()))

    async def unlink(self, request: Request, number: Number) -> Response:
        """Say that no issue is about it."""
        asker = await self._gate.require(request, "write")
        return await self._change(number, IssueWish("", asker.name, self._site.clock()))

    async def _change(self, number: int, wish: IssueWish) -> Response:
        hosted = self._site.clone_base
        await self._site.database.write_soon(lambda connection: link_failure(connection, number, wish, hosted))
        one = await self._site.database.read(lambda connection: load_known_failure(connection, number))
        return answer(self._write(one))

    def _write(self, one: KnownFailure) -> Document:
        return write_known(one, self._site.public_url, self._site.clone_base)

    def _write_seen(self, run: SeenView) -> dict[str, Any]:
        names = ("platform", "matrix", "result", "sha", "branch", "pull_request", "job", "number")
        return {
            "run": run.run_id,
            "build": run.build_id,
            **{name: getattr(run, name) for name in names},
            "finished_at": moment(run.finished_at),
            "url": f"{self._site.public_url}/builds/{run.build_id}/runs/{run.run_id}",
        }


def _write_history(history: History | None) -> Document | None:
    if history is None:
        return None
    months = [{"month": month, "times": times} for month, times in history.months]
    return {"times": history.times, "first_at": moment(history.first_at), "months": months}
