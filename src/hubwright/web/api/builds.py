"""`/api/v1/builds`: what was built, why it failed or waits, and orders to run again or stop."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.failure_text import write_failure
from hubwright.domain.places import source_base
from hubwright.domain.results import Result, State
from hubwright.domain.waiting import hide_others
from hubwright.hub.builds import cancel, rerun, rerun_run
from hubwright.store.views import load_build, load_builds
from hubwright.store.views_failures import load_failures_of_runs
from hubwright.store.views_results import load_clone_url, load_failed_tests, load_problems
from hubwright.store.views_values import BuildFilter
from hubwright.store.views_waiting import load_waits
from hubwright.web.api.answers import Cursor, Limit, Number, answer, answer_page
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.api.documents import Documents
from hubwright.web.api.failures import Evidence, Failures
from hubwright.web.api.whys import write_why
from hubwright.web.askers import folders_of
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

MAX_REASON = 500
"""Characters of a reason that are kept."""

_PLAIN = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Vary": "Accept"}

Text = Annotated[str | None, Field(max_length=1024)]


class BuildQuery(BaseModel):
    """Which builds are wanted. A filter that is not known is refused: it would silently show everything."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)

    repo: Annotated[Text, Field(description="Only those of this repository, OWNER/NAME.")] = None
    sha: Annotated[
        str | None, Field(pattern=r"^[0-9a-fA-F]{4,64}$", description="Only those of this commit, or that begin so.")
    ] = None
    job: Annotated[Text, Field(description="Only those of the job at this path.")] = None
    branch: Annotated[Text, Field(description="Only those of this branch.")] = None
    state: Annotated[State | None, Field(description="Only those that are so now.")] = None
    result: Annotated[Result | None, Field(description="Only those that ended so.")] = None
    limit: Limit = 50
    cursor: Cursor = None


class Rerun(msgspec.Struct):
    """What a rerun takes."""

    failed_only: bool = False
    platform: str | None = None
    run: int | None = None


class Cancellation(msgspec.Struct):
    """What a cancellation takes."""

    reason: str = ""


class Builds:
    """The routes of builds."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate
        self._documents = Documents(site.public_url)
        self._failures = Failures(site.logs, site.public_url)

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/builds", tags=["builds"])
        router.add_api_route("", self.list_builds, methods=["GET"])
        router.add_api_route("/{build_id}", self.show_build, methods=["GET"])
        router.add_api_route("/{build_id}/problems", self.show_problems, methods=["GET"])
        router.add_api_route("/{build_id}/why", self.show_why, methods=["GET"])
        router.add_api_route(
            "/{build_id}/rerun", self.rerun_build, methods=["POST"], status_code=202, openapi_extra=takes(Rerun)
        )
        router.add_api_route(
            "/{build_id}/cancel",
            self.cancel_build,
            methods=["POST"],
            status_code=202,
            openapi_extra=takes(Cancellation),
        )
        return router

    async def list_builds(self, request: Request, wanted: Annotated[BuildQuery, Query()]) -> Response:
        """Builds, newest first; every filter narrows the list."""
        filters = wanted.model_dump(exclude={"limit", "cursor", "repo"})
        chosen = BuildFilter(**filters, repository=wanted.repo, folders=folders_of(request))
        page = await self._site.database.read(
            lambda connection: load_builds(connection, chosen, wanted.limit, wanted.cursor)
        )
        return answer_page(request, page, self._documents.build, self._site.public_url)

    async def show_build(self, build_id: Number) -> Response:
        """A build with its runs, stages and test totals; `earlier_runs` were replaced by newer attempts."""
        build = await self._site.database.read(lambda connection: load_build(connection, build_id))
        return answer(self._documents.whole_build(build))

    async def show_problems(self, request: Request, build_id: Number) -> Response:
        """What went wrong, in at most 64 kB; as text for people with `Accept: text/plain`.

        Failed runs and stages with the lines around the error and the last 150, problems with file and line, failed
        tests and how they stand against the run before.
        """
        build = await self._site.database.read(lambda connection: load_build(connection, build_id))
        runs = [run.id for run in build.runs]

        def load(connection: Connection) -> Evidence:
            base = source_base(self._site.clone_base, load_clone_url(connection, build.job_id), build.repository)
            tests, problems = load_failed_tests(connection, runs), load_problems(connection, runs)
            known = load_failures_of_runs(connection, runs)
            return Evidence(tests, problems, base, known, self._site.clone_base)

        found = await self._site.database.read(load)
        document = await asyncio.to_thread(self._failures.summarize, build, found)
        if request.headers.get("accept", "").startswith("text/plain"):
            return Response(write_failure(document), headers=_PLAIN, media_type="text/plain; charset=utf-8")
        return answer(document, headers={"Vary": "Accept"})

    async def show_why(self, request: Request, build_id: Number) -> Response:
        """Why there is such a build, why each of its runs waits, and why it ended as it did."""
        build = await self._site.database.read(lambda connection: load_build(connection, build_id))
        now = self._site.clock()
        limits = self._site.platform_limits
        waits = await self._site.database.read(lambda connection: load_waits(connection, build, now, limits))
        if folders_of(request) is not None:
            waits = {run: hide_others(waiting) for run, waiting in waits.items()}
        return answer(write_why(build, waits))

    async def rerun_build(self, request: Request, build_id: Number) -> Response:
        """Run the build's finished runs again, with the parameters that it had.

        With `{"failed_only": true}` only those that did not succeed, with `{"platform": name}` only those there, with
        `{"run": id}` only that one.
        """
        await self._gate.require(request, "write")
        wanted = convert(await read_object(request), Rerun)
        now = self._site.clock()
        again = await self._site.database.write_soon(
            lambda connection: (
                rerun(connection, build_id, now, failed_only=wanted.failed_only, platform=wanted.platform)
                if wanted.run is None
                else rerun_run(connection, build_id, wanted.run, now)
            )
        )
        self._wake()
        return answer({"build": build_id, "runs": again}, 202)

    async def cancel_build(self, request: Request, build_id: Number) -> Response:
        """Stop the build: what waits is dropped, what runs is told to stop. Takes `{"reason": text}`."""
        asker = await self._gate.require(request, "write")
        reason = convert(await read_object(request), Cancellation).reason[:MAX_REASON]
        now = self._site.clock()
        why = reason or f"Cancelled by {asker.name}."
        count: Any = await self._site.database.write_soon(lambda connection: cancel(connection, build_id, now, why))
        self._wake()
        return answer({"build": build_id, "cancelled": count}, 202)

    def _wake(self) -> None:
        self._site.wake("runs")
