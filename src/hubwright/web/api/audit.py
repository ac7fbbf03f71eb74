"""`/api/v1/audit`: who changed what, for administrators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from hubwright.store.audit import AuditFilter, Entry, load_entries
from hubwright.web.api.answers import MAX_NUMBER, Cursor, Limit, answer_page, moment
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class AuditQuery(BaseModel):
    """Which entries are wanted. A filter that is not known is refused: it would silently show everything."""

    model_config = ConfigDict(extra="forbid")

    actor: Annotated[str | None, Field(max_length=200, description="The name of a token or person.")] = None
    token: Annotated[int | None, Field(ge=0, le=MAX_NUMBER, description="The number of a token or session.")] = None
    method: Annotated[str | None, Field(pattern="^[A-Z]{3,10}$", description="Such as DELETE.")] = None
    action: Annotated[str | None, Field(max_length=200, description="The `action` of an entry.")] = None
    path: Annotated[str | None, Field(max_length=500, description="How the address begins.")] = None
    status: Annotated[int | None, Field(ge=100, le=599, description="How it was answered.")] = None
    since: Annotated[AwareDatetime | None, Field(description="RFC 3339; from this moment on.")] = None
    until: Annotated[AwareDatetime | None, Field(description="RFC 3339; before this moment.")] = None
    limit: Limit = 50
    cursor: Cursor = None


class AuditLog:
    """The route of the audit log."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The route, for the API."""
        router = Routes(tags=["hub"])
        router.add_api_route("/audit", self.list_entries, methods=["GET"])
        return router

    async def list_entries(self, request: Request, wanted: Annotated[AuditQuery, Query()]) -> Response:
        """Changes that were asked for, newest first; `status` is how each was answered."""
        await self._gate.require(request, "admin")
        chosen = AuditFilter(
            actor=wanted.actor,
            token=wanted.token,
            method=wanted.method,
            action=wanted.action,
            below=wanted.path,
            status=wanted.status,
            since=None if wanted.since is None else wanted.since.timestamp(),
            until=None if wanted.until is None else wanted.until.timestamp(),
        )
        page = await self._site.database.read(
            lambda connection: load_entries(connection, chosen, wanted.limit, wanted.cursor)
        )
        return answer_page(request, page, write_entry, self._site.public_url)


def write_entry(entry: Entry) -> dict[str, Any]:
    """An entry for programs."""
    return {**asdict(entry), "at": moment(entry.at)}
