"""`/api/v1/bisections`: searches for the commit that broke a job."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.refs import check_ref
from hubwright.errors import UnprocessableError
from hubwright.hub.bisection_ends import cancel_search
from hubwright.hub.bisection_wishes import MAX_NAME, Asked, Question, ask_search
from hubwright.store.views_bisections import (
    BisectionView,
    CulpritView,
    StepView,
    load_bisection,
    load_bisections,
    load_steps,
    load_suspects,
)
from hubwright.web.api.answers import MAX_NUMBER, Cursor, Limit, Number, answer, answer_page, moment
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

_MAX_TARGET = 1000
_MAX_COMMAND = 10_000


class NewBisection(msgspec.Struct):
    """What POST takes: two commits, branches or tags, and what to look at if not at all that fails."""

    good: str
    bad: str
    platform: str | None = None
    test: str | None = None
    stage: str | None = None
    run: str | None = None


class Bisections:
    """The routes of searches."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["bisections"])
        router.add_api_route("/bisections", self.list_bisections, methods=["GET"])
        router.add_api_route("/bisections/{number}", self.show_bisection, methods=["GET"])
        router.add_api_route("/bisections/{number}/cancel", self.cancel_bisection, methods=["POST"], status_code=202)
        router.add_api_route(
            "/jobs/{path:path}/bisections",
            self.start_bisection,
            methods=["POST"],
            status_code=202,
            openapi_extra=takes(NewBisection),
        )
        return router

    async def list_bisections(
        self,
        request: Request,
        job: Annotated[str | None, Query(max_length=400, description="Only those of the job at this path.")] = None,
        build: Annotated[int | None, Query(ge=0, le=MAX_NUMBER, description="Those because of this build.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Searches, newest first: all, those of a job, or those because of a build."""
        builds = None if build is None else [build]
        page = await self._site.database.read(
            lambda connection: load_bisections(connection, job_path=job, builds=builds, limit=limit, cursor=cursor)
        )
        return answer_page(request, page, self._write, self._site.public_url)

    async def show_bisection(self, number: Number) -> Response:
        """A search with its steps: the builds that it stands on, those that it asked for and others' of its ends."""

        def load(connection: Connection) -> tuple[BisectionView, list[StepView], int | None]:
            view = load_bisection(connection, number)
            return view, load_steps(connection, number), load_suspects(connection, number)

        view, steps, suspects = await self._site.database.read(load)
        more = {"suspects": suspects, "steps": [self._write_step(step) for step in steps]}
        return answer({**self._write(view), **more})

    async def start_bisection(self, request: Request, path: str) -> Response:
        """Search between two commits: `{"good", "bad", "platform", "test", "stage", "run"}`."""
        asker = await self._gate.require(request, "write")
        wanted = convert(await read_object(request), NewBisection)
        for name, value in (("good", wanted.good), ("bad", wanted.bad)):
            if not 1 <= len(value) <= MAX_NAME:
                raise UnprocessableError(f"{name}: a commit's id, a branch or a tag is expected.", f"/{name}")
            check_ref(value)
        for name, text in (("platform", wanted.platform), ("test", wanted.test), ("stage", wanted.stage)):
            if text is not None and not 1 <= len(text) <= (100 if name == "platform" else _MAX_TARGET):
                raise UnprocessableError(f"{name}: a name of at most {_MAX_TARGET} characters is expected.", f"/{name}")
        if wanted.run is not None and (wanted.test or wanted.stage or not 1 <= len(wanted.run) <= _MAX_COMMAND):
            raise UnprocessableError(
                f"run: a command of at most {_MAX_COMMAND:,} characters, without test and stage.", "/run"
            )
        question = Question(**msgspec.structs.asdict(wanted))
        asked = Asked(asker.name, self._site.clock(), self._site.searches)
        number: Any = await self._site.database.write_soon(
            lambda connection: ask_search(connection, path, question, asked)
        )
        self._site.wake("bisections")
        view = await self._site.database.read(lambda connection: load_bisection(connection, number))
        return answer(self._write(view), 202, {"Location": f"/api/v1/bisections/{number}"})

    async def cancel_bisection(self, request: Request, number: Number) -> Response:
        """End a search, and the build that it waits for."""
        asker = await self._gate.require(request, "write")
        now = self._site.clock()
        await self._site.database.write_soon(lambda connection: cancel_search(connection, number, asker.name, now))
        self._site.wake("runs")
        self._site.wake("facts")
        view = await self._site.database.read(lambda connection: load_bisection(connection, number))
        return answer(self._write(view), 202)

    def _write(self, view: BisectionView) -> dict[str, Any]:
        return {
            "id": view.id,
            "job": view.job,
            "repo": view.repository,
            "platform": view.platform,
            "matrix": view.matrix,
            "branch": view.branch,
            "build": view.build,
            "asked_by": view.asked_by,
            "good": view.good,
            "bad": view.bad,
            "state": view.state,
            "reason": view.reason,
            "again": moment(view.again),
            "builds": view.builds,
            "max_builds": view.max_builds,
            "commits": view.commits,
            "targets": view.targets,
            "run": view.command,
            "culprits": [write_culprit(one) for one in view.culprits],
            "created_at": moment(view.created_at),
            "finished_at": moment(view.finished_at),
            "url": f"{self._site.public_url}/bisections/{view.id}",
        }

    def _write_step(self, step: StepView) -> dict[str, Any]:
        return {
            "commit": step.sha,
            "place": step.place,
            "build": step.build,
            "number": step.number,
            "state": step.state,
            "result": step.result,
            "own": step.own,
            "url": f"{self._site.public_url}/builds/{step.build}",
        }


def write_culprit(one: CulpritView) -> dict[str, Any]:
    """A commit that was found."""
    return {"sha": one.sha, "author": one.author, "subject": one.subject, "broke": one.targets}
