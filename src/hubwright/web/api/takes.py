"""`/api/v1/builds/{id}/take` and `/drop`: who says that they mend the branch of a broken build."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from hubwright.hub.takes import begin_take, end_take
from hubwright.store.takes import Take
from hubwright.web.api.answers import Number, answer
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class Takes:
    """The routes of takes."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/builds", tags=["builds"])
        router.add_api_route("/{build_id}/take", self.take_build, methods=["POST"])
        router.add_api_route("/{build_id}/drop", self.drop_build, methods=["POST"])
        return router

    async def take_build(self, request: Request, build_id: Number) -> Response:
        """You mend the branch or pull request that the build is of; pages and the bot say so until it is good again.

        409 where it is not broken. `instead_of` is who did before.
        """
        asker = await self._gate.require(request, "write")
        now, by = self._site.clock(), asker.login or asker.name
        before: Take | None = await self._site.database.write_soon(
            lambda connection: begin_take(connection, build_id, by, now)
        )
        self._site.wake("facts")
        return answer({"build": build_id, "by": by, "instead_of": None if before is None else before.by})

    async def drop_build(self, request: Request, build_id: Number) -> Response:
        """Nobody mends the branch or pull request that the build is of; 409 where nobody did."""
        await self._gate.require(request, "write")
        branch = await self._site.database.write_soon(lambda connection: end_take(connection, build_id))
        self._site.wake("facts")
        return answer({"build": build_id, "branch": branch})
