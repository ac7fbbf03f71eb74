"""`/api/v1/builds/{id}/approval` and `/approve`: what waits for approval, who approved, and approving it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

import msgspec
from sqlalchemy import Connection, Row
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.refs import check_sha
from hubwright.errors import NotFoundError
from hubwright.hub.approvals import approve
from hubwright.store.approvals import Approver, load_approvals
from hubwright.store.views import load_build
from hubwright.web.api.answers import Number, answer
from hubwright.web.api.bodies import convert, read_object, takes
from hubwright.web.gate import Asker, Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site


class Seen(msgspec.Struct):
    """What the approver has looked at: the whole id of the commit, and the branch that it is for."""

    sha: str
    base: str | None = None


class Approvals:
    """The routes of approvals."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/builds", tags=["builds"])
        router.add_api_route("/{build_id}/approval", self.show_approval, methods=["GET"])
        router.add_api_route("/{build_id}/difference", self.show_difference, methods=["GET"])
        router.add_api_route(
            "/{build_id}/approve", self.approve_build, methods=["POST"], status_code=202, openapi_extra=takes(Seen)
        )
        return router

    async def show_approval(self, build_id: Number) -> Response:
        """Whether the build waits for approval, of which commit, and all that was decided of it, newest first."""

        def load(connection: Connection) -> dict[str, Any]:
            build = load_build(connection, build_id)
            rows = load_approvals(connection, build_id)
            waiting = bool(rows) and not any(row.approved_at and not row.revoked_at and not row.ask_at for row in rows)
            return {"build": build.id, "sha": build.sha, "waits": waiting, "items": [_write(row) for row in rows]}

        return answer(await self._site.database.read(load))

    async def show_difference(self, build_id: Number) -> Response:
        """What the build's commit changes about what is run, against its pull request's base; `text` is for people."""
        found = await asyncio.to_thread(self._site.difference_of, build_id)
        if found is None:
            raise NotFoundError(f"Nothing is known of what build {build_id} changes.")
        return answer({**asdict(found), "text": found.text})

    async def approve_build(self, request: Request, build_id: Number) -> Response:
        """Let the build begin. Takes `{"sha": …, "base": …}`, the commit that was looked at and the branch that it is
        for (which may be left out); 409 when it is another by now.

        The build stays untrusted: it gets no secret. Any later push, close or retarget ends the approval.
        """
        asker = await self._gate.require(request, "write")
        seen = convert(await read_object(request), Seen)
        sha = check_sha(seen.sha)
        now = self._site.clock()
        count: Any = await self._site.database.write_soon(
            lambda connection: approve(connection, build_id, sha, read_approver(asker), now, seen.base)
        )
        self._site.wake("runs")
        self._site.wake("facts")
        return answer({"build": build_id, "sha": sha, "runs": count}, 202)


def read_approver(asker: Asker) -> Approver:
    """The asker, as the gate knows them; nothing of a request's body says who somebody is."""
    return Approver(token_name=asker.name, token_id=asker.token_id)


def _write(row: Row[Any]) -> dict[str, Any]:
    return {
        "sha": row.sha,
        "repository": row.repository,
        "pull_request": row.pull_request,
        "base_ref": row.base_ref,
        "head_repository_id": row.head_repository_id,
        "held_at": row.held_at,
        "approved_at": row.approved_at,
        "approved_by_id": row.approved_by_id,
        "approved_by_login": row.approved_by_login,
        "token_name": row.token_name,
        "checked_at": row.checked_at,
        "doubt": row.doubt,
        "revoked_at": row.revoked_at,
        "why": row.why,
    }
