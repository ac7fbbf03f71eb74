"""What people ask of a build on its page: again, stop, approve, tell again; and who says that they mend it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.hub.approvals import approve
from hubwright.hub.builds import cancel, rerun, rerun_run
from hubwright.hub.takes import begin_take, end_take
from hubwright.store.approvals import Approver
from hubwright.web.api.reports import tell_again
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number
from hubwright.web.site import FACTS


class BuildOrders:
    """The forms of `/builds/{id}`; each leads back to the page."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """The routes."""
        orders = {"rerun": self.rerun, "cancel": self.cancel, "approve": self.approve, "tell": self.tell}
        orders |= {"take": self.take, "drop": self.drop}
        return [Route(f"/builds/{{id:int}}/{name}", order, methods=["POST"]) for name, order in orders.items()]

    async def rerun(self, request: Request) -> Response:
        """`POST /builds/{id}/rerun`; with `?failed` only what did not succeed, with `?run=` only that run."""
        await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        now, failed_only = self._frame.site.clock(), "failed" in request.query_params
        run = read_number(request, "run")
        await self._frame.site.database.write_soon(
            lambda connection: (
                rerun(connection, build_id, now, failed_only=failed_only)
                if run is None
                else rerun_run(connection, build_id, run, now)
            )
        )
        return self._changed(build_id)

    async def cancel(self, request: Request) -> Response:
        """`POST /builds/{id}/cancel`."""
        asker = await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        now, reason = self._frame.site.clock(), f"Cancelled on the web page by {asker.name}."
        await self._frame.site.database.write_soon(lambda connection: cancel(connection, build_id, now, reason))
        return self._changed(build_id)

    async def tell(self, request: Request) -> Response:
        """`POST /builds/{id}/tell`: tell again what GitHub could not be told."""
        await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        now = self._frame.site.clock()
        await self._frame.site.database.write_soon(lambda connection: tell_again(connection, build_id, now))
        self._frame.site.wake("reports")
        return RedirectResponse(f"/builds/{build_id}", 303)

    async def take(self, request: Request) -> Response:
        """`POST /builds/{id}/take`: who asks mends the branch."""
        asker = await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        now, by = self._frame.site.clock(), asker.login or asker.name
        await self._frame.site.database.write_soon(lambda connection: begin_take(connection, build_id, by, now))
        return self._changed(build_id)

    async def drop(self, request: Request) -> Response:
        """`POST /builds/{id}/drop`: nobody mends it any more."""
        await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        await self._frame.site.database.write_soon(lambda connection: end_take(connection, build_id))
        return self._changed(build_id)

    async def approve(self, request: Request) -> Response:
        """`POST /builds/{id}/approve?sha=&base=`: the commit that the page showed, and the branch that it is for."""
        asker = await self._frame.require(request, "write")
        build_id: int = request.path_params["id"]
        by = Approver(token_name=asker.name, token_id=asker.token_id)
        now, sha, base = self._frame.site.clock(), request.query_params.get("sha", ""), request.query_params.get("base")
        await self._frame.site.database.write_soon(lambda connection: approve(connection, build_id, sha, by, now, base))
        return self._changed(build_id)

    def _changed(self, build_id: int) -> Response:
        site = self._frame.site
        site.wake("runs")
        site.wake("facts")
        site.bell.ring(FACTS)
        return RedirectResponse(f"/builds/{build_id}", 303)
