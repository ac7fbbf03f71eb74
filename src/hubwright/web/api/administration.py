"""For administrators: the processes that are there, the settings with where each came from, and what `hubwright doctor`
finds.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.processes import Process, load_processes
from hubwright.web.api.answers import answer, moment
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class Administration:
    """`/api/v1/processes`, `/api/v1/configuration` and `/api/v1/doctor`."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(tags=["hub"])
        router.add_api_route("/processes", self.show_processes, methods=["GET"])
        router.add_api_route("/configuration", self.show_configuration, methods=["GET"])
        router.add_api_route("/doctor", self.examine, methods=["POST"])
        return router

    async def show_processes(self, request: Request) -> Response:
        """Hubs, workers, beats and bots, with PostgreSQL; `lost`: it has neither stopped nor been seen for long."""
        await self._gate.require(request, "admin")
        now = self._site.clock()
        found = await self._site.database.read(load_processes)
        return answer({"processes": [write_process(one, now) for one in found]})

    async def show_configuration(self, request: Request) -> Response:
        """Every setting as this hub began with it, and where it came from; secrets are masked."""
        await self._gate.require(request, "admin")
        return answer({"settings": [asdict(one) for one in self._site.configuration]})

    async def examine(self, request: Request) -> Response:
        """Look at the hub's machine and settings now, as `hubwright doctor` does; takes seconds."""
        await self._gate.require(request, "admin")
        findings = await asyncio.to_thread(self._site.examine)
        return answer({"findings": [asdict(one) for one in findings]})


def write_process(one: Process, now: float) -> dict[str, Any]:
    """A process for programs."""
    return {
        "name": one.owner,
        "kind": one.kind,
        "state": "lost" if one.is_lost(now) else "there",
        "address": one.address or None,
        "version": one.version,
        "wire": one.wire,
        "started_at": moment(one.started_at),
        "seen_at": moment(one.seen_at),
    }
