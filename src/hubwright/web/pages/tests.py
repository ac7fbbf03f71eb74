"""The pages of a job's tests: all of them, the failed ones first, and one with its history on each platform."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.domain.places import source_address, source_base
from hubwright.errors import NotFoundError
from hubwright.store.views_jobs import load_job
from hubwright.store.views_tests import (
    Failure,
    JobTest,
    JobTestFilter,
    Tested,
    load_newest_failure,
    load_test,
    load_tested,
    load_tests_of_job,
)
from hubwright.store.views_values import JobView, Page
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number
from hubwright.web.pages.strips import draw_runs, draw_ticks, look_of_test

_MAX_TEXT = 300
_MAX_NUMBER = 2**63 - 1
_RESULTS = ("failed", "passed", "skipped")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed into the form above the list."""

    branch: str
    name: str
    result: str
    sort: str
    flaky: bool


@dataclass(frozen=True, slots=True)
class Case:
    """What the page of one test shows; `source` is the address of the line that the newest failure names."""

    job: JobView
    tested: Tested
    test: JobTest
    failure: Failure | None
    source: str | None


class CasePages:
    """`/tests/{path}` and `/cases/{test}/{path}`."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/tests/{path:path}", self._frame.guard(self.list)),
            Route("/cases/{test:int}/{path:path}", self._frame.guard(self.show)),
        ]

    async def list(self, request: Request) -> Response:
        """`GET /tests/PATH?branch=&name=&result=&flaky=&sort=&after=`."""
        path, asked = request.path_params["path"].strip("/"), _read_asked(request)
        after = read_number(request, "after")
        wanted = JobTestFilter(
            name=asked.name or None,
            result=asked.result or None,
            flaky=True if asked.flaky else None,
            slowest=asked.sort == "time",
        )

        def load(connection: Connection) -> tuple[JobView, Tested, Page[JobTest]]:
            tested = load_tested(connection, path, asked.branch or None)
            return load_job(connection, path), tested, load_tests_of_job(connection, tested, wanted, cursor=after)

        job, tested, page = await self._frame.site.database.read(load)
        strips = [
            (test, look_of_test(test.result), [draw_ticks(strip) for strip in test.strips]) for test in page.items
        ]
        totals = [sum(getattr(run, f"tests_{kind}") or 0 for run in tested.newest) for kind in ("total", *_RESULTS)]
        return self._frame.show(
            request,
            "tests.html",
            job=job,
            tested=tested,
            tests=strips,
            next=page.next,
            after=after,
            asked=asked,
            totals=totals,
            stream="/fragments/stream",
        )

    async def show(self, request: Request) -> Response:
        """`GET /cases/TEST/PATH?branch=`: TEST is the number that the list and the API have for it."""
        path, test = request.path_params["path"].strip("/"), request.path_params["test"]
        if test > _MAX_NUMBER:
            raise NotFoundError(f"There is no test {test % 10**12}.")
        branch = _read_text(request, "branch") or None

        def load(connection: Connection) -> Case:
            tested = load_tested(connection, path, branch)
            found = load_test(connection, tested, test)
            failure, job = load_newest_failure(connection, found), load_job(connection, path)
            base = source_base(self._frame.site.clone_base, job.clone_url, job.repository)
            file = None if failure is None else failure.file
            source = None if failure is None else source_address(base, failure.mark.sha, file, failure.line)
            return Case(job, tested, found, failure, source)

        case = await self._frame.site.database.read(load)
        strips = [(strip, draw_runs(strip)) for strip in case.test.strips]
        return self._frame.show(
            request,
            "case.html",
            case=case,
            strips=strips,
            shown=look_of_test(case.test.result),
            branch=branch,
            stream="/fragments/stream",
        )


def _read_asked(request: Request) -> Asked:
    result, sort = _read_text(request, "result"), _read_text(request, "sort")
    return Asked(
        _read_text(request, "branch"),
        _read_text(request, "name"),
        result if result in _RESULTS else "",
        "time" if sort == "time" else "",
        request.query_params.get("flaky") == "true",
    )


def _read_text(request: Request, name: str) -> str:
    return request.query_params.get(name, "").replace("\0", "").strip()[:_MAX_TEXT]
