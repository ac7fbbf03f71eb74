"""`/api/v1/tests`: the tests of a job, how each stands, and what it did in its last runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

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
from hubwright.store.views_values import Page
from hubwright.web.api.answers import MAX_NUMBER, Cursor, Limit, answer, answer_page
from hubwright.web.api.documents import Documents
from hubwright.web.routes import Routes
from hubwright.web.site import Site

Job = Annotated[str, Query(max_length=400, description="The path of a job or copy.")]
Branch = Annotated[str | None, Query(max_length=1024, description="The default branch without it.")]
TestNumber = Annotated[int, Path(ge=0, le=MAX_NUMBER, description="The `id` that the list has for it.")]


class JobTestQuery(BaseModel):
    """Which tests are wanted. A filter that is not known is refused: it would silently show everything."""

    model_config = ConfigDict(extra="forbid")

    job: Annotated[str, Field(max_length=400, description="The path of a job or copy.")]
    branch: Annotated[str | None, Field(max_length=1024, description="The default branch without it.")] = None
    name: Annotated[str | None, Field(max_length=300, description="A part of name, class or suite.")] = None
    result: Annotated[Literal["failed", "passed", "skipped"] | None, Field(description="Only those that stand so.")] = (
        None
    )
    flaky: Annotated[bool | None, Field(description="Only those that are known as flaky, or are not.")] = None
    sort: Annotated[Literal["result", "time"], Field(description="What comes first: failed ones, or slow ones.")] = (
        "result"
    )
    limit: Limit = 30
    cursor: Cursor = None


class JobTests:
    """The routes of jobs' tests."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._documents = Documents(site.public_url)

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/tests", tags=["jobs"])
        router.add_api_route("", self.list_tests, methods=["GET"])
        router.add_api_route("/{test}", self.show_test, methods=["GET"])
        return router

    async def list_tests(self, request: Request, wanted: Annotated[JobTestQuery, Query()]) -> Response:
        """The tests of a job in the newest runs of each platform and matrix point: failed first, then flaky and slow.

        Each with its last 30 runs there, newest first; at most 30 tests at once. Looked at are the newest 120 builds.
        """
        chosen = JobTestFilter(
            name=wanted.name, result=wanted.result, flaky=wanted.flaky, slowest=wanted.sort == "time"
        )

        def load(connection: Connection) -> tuple[Tested, Page[JobTest]]:
            tested = load_tested(connection, wanted.job.strip("/"), wanted.branch)
            return tested, load_tests_of_job(connection, tested, chosen, wanted.limit, wanted.cursor)

        tested, page = await self._site.database.read(load)
        return answer_page(request, page, self._write, self._site.public_url, {"branch": tested.branch})

    async def show_test(self, test: TestNumber, job: Job, branch: Branch = None) -> Response:
        """One test of a job: its last runs, since when it fails, and its newest failure with message and output."""

        def load(connection: Connection) -> tuple[Tested, JobTest, Failure | None]:
            tested = load_tested(connection, job.strip("/"), branch)
            found = load_test(connection, tested, test)
            return tested, found, load_newest_failure(connection, found)

        tested, found, failure = await self._site.database.read(load)
        return answer(self._write(found) | {"branch": tested.branch, "failure": _write_failure(failure)})

    def _write(self, test: JobTest) -> dict[str, Any]:
        """The number as text: JavaScript's numbers hold only 53 bits."""
        counted = test.flakiness
        return {
            "id": str(test.identity),
            "suite": test.suite,
            "classname": test.classname,
            "name": test.name,
            "result": test.result,
            "seconds": test.seconds,
            "attempts": counted.attempts,
            "failures": counted.failures,
            "commits": counted.commits,
            "flaky_commits": counted.flaky,
            "flaky_rate": round(counted.rate, 4),
            "known_flaky": test.known,
            "failing": [
                {
                    "platform": strip.platform,
                    "matrix": strip.matrix,
                    "since": strip.marks[start.place].sha,
                    "build": strip.marks[start.place].build_id,
                    "proven": start.proven,
                }
                for strip, start in test.starts
            ],
            "platforms": [self._documents.strip(strip) for strip in test.strips],
        }


def _write_failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "run": failure.mark.run_id,
        "build": failure.mark.build_id,
        "case": failure.case_id,
        "sha": failure.mark.sha,
        "platform": failure.platform,
        "matrix": failure.matrix,
        "message": failure.message,
        "file": failure.file,
        "line": failure.line,
    }
