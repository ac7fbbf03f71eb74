"""`/api/v1/trends`: how builds go over time, of a job or of all."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.trends import Point, Trend
from hubwright.errors import NotFoundError
from hubwright.store.views_trends import load_job_trend, load_slots, load_whole_trend
from hubwright.web.api.answers import answer, moment
from hubwright.web.askers import folders_of, sees
from hubwright.web.routes import Routes
from hubwright.web.site import Site

Job = Annotated[str, Query(max_length=400, description="The path of a job or copy; all builds without it.")]
Branch = Annotated[str | None, Query(max_length=1024, description="Only builds of this branch of the job.")]


class Trends:
    """The route of trends."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/trends", tags=["builds"])
        router.add_api_route("", self.show, methods=["GET"])
        return router

    async def show(self, request: Request, job: Job = "", branch: Branch = None) -> Response:
        """The newest 1,000 builds by the `step` seconds in which they ended: duration, waiting, success, tests, logs.

        `busy`, of all builds only, is how many runs went on at once on average; `slots` what is connected now.
        """
        path = job.strip("/")
        if path and not sees(request, path):
            raise NotFoundError(f"There is no job {path!r}.")
        folders = folders_of(request)

        def load(connection: Connection) -> tuple[Trend, int | None]:
            if path:
                return load_job_trend(connection, path, branch), None
            return load_whole_trend(connection, folders), load_slots(connection)

        trend, slots = await self._site.database.read(load)
        told = {"job": path or None, "branch": branch if path else None, "step": trend.step, "builds": trend.builds}
        return answer(told | {"slots": slots, "points": [_write(point) for point in trend.points]})


def _write(point: Point) -> dict[str, Any]:
    rate = None if point.rate is None else round(point.rate, 4)
    return {**asdict(point), "at": moment(point.at), "rate": rate}
