"""`/api/v1/reports` and `/api/v1/builds/{id}/reports`: what the world could not be told, why, and telling it again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.report_troubles import (
    Trouble,
    load_told,
    load_troubles,
    load_troubles_of,
    send_again,
    send_all_again,
)
from hubwright.store.views import load_build
from hubwright.web.api.answers import Cursor, Limit, Number, answer, answer_page, moment
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class Reports:
    """The routes of reports; those of all repositories need the role `write`, for names of private ones are in them."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["hub"])
        router.add_api_route("/reports", self.list, methods=["GET"])
        router.add_api_route("/reports/{report_id}/again", self.send_again, methods=["POST"], status_code=202)
        router.add_api_route("/builds/{build_id}/reports", self.list_of_build, methods=["GET"])
        router.add_api_route(
            "/builds/{build_id}/reports/again", self.tell_build_again, methods=["POST"], status_code=202
        )
        return router

    async def list(
        self,
        request: Request,
        state: Annotated[
            Literal["given_up", "delayed", "done"] | None, Query(description="Only those that are so.")
        ] = None,
        reporter: Annotated[str | None, Query(max_length=40, description="Of `done`: only of this reporter.")] = None,
        target: Annotated[str | None, Query(max_length=500, description="Of `done`: only to this target.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Reports that were given up, or are tried again (`delayed`), newest first.

        With `state=done` those that were told, one by one. Of these at most 2,000 are looked at for a page, which may
        have fewer than `limit`, or none, while there is a `next`.
        """
        await self._gate.require(request, "write")
        given_up = None if state is None else state == "given_up"
        page = await self._site.database.read(
            lambda connection: (
                load_told(connection, of=reporter, target=target, limit=limit, cursor=cursor)
                if state == "done"
                else load_troubles(connection, given_up=given_up, limit=limit, cursor=cursor)
            )
        )
        return answer_page(request, page, write_trouble, self._site.public_url)

    async def send_again(self, request: Request, report_id: Number) -> Response:
        """Tell a given-up report's target how things stand now, or a receiver once more what it was told.

        409 when it was neither: what stands for a state, such as a status, is told anew by itself.
        """
        await self._gate.require(request, "write")
        now = self._site.clock()
        target: Any = await self._site.database.write_soon(lambda connection: send_again(connection, report_id, now))
        self._wake()
        return answer({"id": report_id, "target": target}, 202)

    async def list_of_build(self, build_id: Number) -> Response:
        """What could not be told of the build's commit, its branch's pull requests and its job."""
        found = await self._site.database.read(
            lambda connection: load_troubles_of(connection, load_build(connection, build_id))
        )
        return answer({"items": [write_trouble(one) for one in found], "next": None})

    async def tell_build_again(self, request: Request, build_id: Number) -> Response:
        """Tell again what was given up of the build; how many reports."""
        await self._gate.require(request, "write")
        now = self._site.clock()
        count: Any = await self._site.database.write_soon(lambda connection: tell_again(connection, build_id, now))
        self._wake()
        return answer({"build": build_id, "reports": count}, 202)

    def _wake(self) -> None:
        for queue in ("reports", "facts"):  # the second is heard by those who tell receivers
            self._site.wake(queue)


def tell_again(connection: Connection, build_id: int, now: float) -> int:
    """Have told again what was given up of a build; how many reports. Raises NotFoundError."""
    troubles = load_troubles_of(connection, load_build(connection, build_id))
    return send_all_again(connection, [one for one in troubles if one.given_up], now)


def write_trouble(trouble: Trouble) -> dict[str, Any]:
    """What could not be told, for programs."""
    return {
        "id": trouble.id,
        "reporter": trouble.reporter,
        "target": trouble.target,
        "state": "done" if trouble.told else "given_up" if trouble.given_up else "delayed",
        "build": trouble.build,
        "reports": trouble.count,
        "attempts": trouble.attempts,
        "reason": trouble.reason,
        "next_try_at": moment(trouble.next_try_at),
        "ended_at": moment(trouble.ended_at),
    }
