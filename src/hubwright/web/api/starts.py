"""`POST /api/v1/jobs/{path}/builds`: somebody starts a build, and types its parameters."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.refs import check_ref, check_sha
from hubwright.errors import UnprocessableError
from hubwright.hub.wishes import Asked, Wishes
from hubwright.store.audit import keep_entries
from hubwright.store.views import load_build
from hubwright.store.views_values import BuildView
from hubwright.web.api.answers import answer
from hubwright.web.api.bodies import convert, read_object
from hubwright.web.api.documents import Documents
from hubwright.web.askers import visit_of
from hubwright.web.audit import read_entry
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

MAX_KEY = 200
"""Characters of an Idempotency-Key."""

_STARTED = 202

_EXAMPLE = {"ref": "release/1.2", "parameters": {"FLAVOUR": "spicy", "JOBS": 4, "VERBOSE": True}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "ref": {"type": "string", "description": "A branch or tag; the default branch without it."},
                        "sha": {"type": "string", "description": "A whole commit id; the newest of `ref` without it."},
                        "parameters": {
                            "type": "object",
                            "description": "Values of the job's parameters: text, whole numbers, true or false.",
                            "additionalProperties": {"type": ["string", "integer", "boolean", "null"]},
                        },
                    },
                    "additionalProperties": False,
                },
                "example": _EXAMPLE,
            }
        }
    }
}


class Start(msgspec.Struct):
    """A build to start: of a ref (the default branch if left out) or of one commit."""

    ref: str | None = None
    sha: str | None = None
    parameters: dict[str, Any] = {}


class Starts:
    """The route that starts builds."""

    def __init__(self, site: Site, gate: Gate, wishes: Wishes) -> None:
        self._site = site
        self._gate = gate
        self._wishes = wishes
        self._documents = Documents(site.public_url)

    def make_router(self) -> Routes:
        """The route, for the API."""
        router = Routes(prefix="/jobs", tags=["jobs"])
        router.add_api_route(
            "/{path:path}/builds", self.start_build, methods=["POST"], status_code=_STARTED, openapi_extra=_BODY
        )
        return router

    async def start_build(self, request: Request, path: str) -> Response:
        """Build the job: `{"ref", "sha", "parameters"}`, all optional; once for each `Idempotency-Key`.

        What is wrong with the parameters is told all at once, each with its `pointer` (422).
        """
        asker = await self._gate.require(request, "write")
        wanted = read_start(await read_object(request))
        key = request.headers.get("idempotency-key") or secrets.token_hex(16)
        if len(key) > MAX_KEY:
            raise UnprocessableError(f"An Idempotency-Key has at most {MAX_KEY} characters.")
        visit = visit_of(request)
        entry = read_entry(request.scope, visit, _STARTED, self._site.clock)
        found: list[BuildView] = []

        def note(connection: Connection, asked: Asked) -> None:
            """One commit for build, audit log and what is answered: each costs a round to the disk."""
            keep_entries(connection, [entry] if entry is not None else [])
            found[:] = [load_build(connection, asked.build_id)]

        start = self._wishes.beside(note).start
        await asyncio.to_thread(
            start, path, wanted.ref, wanted.sha, asker.name, key, self._site.clock(), wanted.parameters
        )
        visit.noted = _STARTED
        return answer(self._documents.build(found[0]), _STARTED, {"Location": f"/api/v1/builds/{found[0].id}"})


def read_start(data: Mapping[str, Any]) -> Start:
    """A build to start. Raises UnprocessableError, MalformedError that name what is wrong."""
    wanted = convert(data, Start)
    if wanted.ref is not None:
        check_ref(wanted.ref)
    if wanted.sha is not None:
        wanted.sha = check_sha(wanted.sha)
    return wanted
