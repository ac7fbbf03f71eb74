"""`/admin`: what this hub is and how it is, and the settings that it began with."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hubwright.domain.diagnosis import Finding, Verdict
from hubwright.store.audit import AuditFilter, load_entries
from hubwright.store.processes import load_processes
from hubwright.web.api.info import load_modules
from hubwright.web.pages.frame import Frame

_ENTRIES = 10
_LOOKS = {Verdict.OK: ("success", "Well"), Verdict.WARN: ("timeout", "Look"), Verdict.FAIL: ("failure", "Mend")}


class AdminPages:
    """For administrators only."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/admin", self.show),
            Route("/admin/doctor", self.examine, methods=["POST"]),
            Route("/admin/configuration", self.show_configuration),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /admin`: versions, and what was changed last."""
        request.state.asker = await self._frame.require(request, "admin")
        return await self._show(request, None)

    async def examine(self, request: Request) -> Response:
        """`POST /admin/doctor`: the same with what is found when machine and settings are looked at now."""
        request.state.asker = await self._frame.require(request, "admin")
        return await self._show(request, await asyncio.to_thread(self._frame.site.examine))

    async def show_configuration(self, request: Request) -> Response:
        """`GET /admin/configuration?find=&given=`: every setting with its origin."""
        request.state.asker = await self._frame.require(request, "admin")
        find = request.query_params.get("find", "")[:100]
        given = bool(request.query_params.get("given"))
        settings = [
            one
            for one in self._frame.site.configuration
            if find.lower() in one.name and (not given or one.origin != "default")
        ]
        return self._frame.show(request, "configuration.html", settings=settings, find=find, given=given)

    async def _show(self, request: Request, findings: Sequence[Finding] | None) -> Response:
        site = self._frame.site
        modules = await load_modules(site)
        newest = await site.database.read(lambda found: load_entries(found, AuditFilter(), _ENTRIES))
        there = await site.database.read(load_processes)
        given: dict[str, Any] = {
            "modules": modules,
            "findings": findings,
            "entries": newest.items,
            "processes": [(one, one.is_lost(site.clock())) for one in there],
        }
        return self._frame.show(request, "admin.html", looks=_LOOKS, **given)
