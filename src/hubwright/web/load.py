"""System 4's doors: `POST /load/…` with GitHub's own addresses, and how such a load stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Row
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.github_budget import Figures
from hubwright.errors import GitHubError, NotFoundError, RateLimitedError, UnprocessableError
from hubwright.github.client import GitHubClient
from hubwright.github.listings import LOADS
from hubwright.hub.loads import Load, ask_for, cancel, check_load, read_load
from hubwright.hub.replica import Replica
from hubwright.store.scans import list_scans
from hubwright.store.tasks import Progress, list_loads, load_progress
from hubwright.web.api.answers import Cursor, Limit, Number, TextCursor, answer, answer_page, moment
from hubwright.web.askers import Asker
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

PATIENCE = 60.0
"""Seconds for which an inline load is worked at; a longer one goes on by itself."""

LONGEST_NAME = 300

Scope = Annotated[str | None, Query(max_length=LONGEST_NAME, description="Only those of this repository, OWNER/NAME.")]

_CONVERTERS = {"number": ":int", "id": ":int", "name": ":path"}
_OFF = frozenset({"0", "false", "no", "off"})
_CELERY_WORDS = {"queued": "PENDING", "running": "STARTED", "done": "SUCCESS", "failed": "FAILURE"}
_OPTIONS = {
    "inline": "Load it now and answer when it is there; without effect beside `children`.",
    "children": "Load what hangs below it too.",
    "state": "`open`, `closed` or `all` (the default), for issues, pull requests and milestones.",
    "type": "Which repositories, as in GitHub's own lists.",
    "since": "Only what changed since then: a time (ISO 8601), or `last` for the end of the last load.",
}


class LoadDoors:
    """The routes. `github` tells how much of the hour's limit is left."""

    def __init__(self, site: Site, gate: Gate, replica: Replica, github: GitHubClient) -> None:
        self._site = site
        self._gate = gate
        self._replica = replica
        self._github = github

    def make_router(self) -> Routes:
        """An address below `/load` for all that can be loaded, and where loads are looked at."""
        router = Routes(tags=["replica"])
        for place in LOADS:
            router.add_api_route(
                "/load" + _form_route(place),
                self.load,
                methods=["POST"],
                status_code=202,
                openapi_extra=_describe(place),
            )
        router.add_api_route("/tasks/status/{number}", self.show_status, methods=["GET"])
        router.add_api_route("/api/v1/loads", self.list_loads, methods=["GET"])
        router.add_api_route("/api/v1/loads/{number}/cancel", self.cancel_load, methods=["POST"], status_code=204)
        router.add_api_route("/api/v1/scans", self.list_scans, methods=["GET"])
        return router

    async def load(self, request: Request) -> Response:
        """Load GitHub's data: 202 and where to look how it stands; with `inline` 200 when it is there."""
        await self._gate.require(request, "write")
        load = _read_load(request)
        owner = _find_owner(load)
        number, headers = await self.ask(load)
        if not load.children and _is_on(request.query_params, "inline"):
            progress = await asyncio.to_thread(self._replica.help_out, number, PATIENCE)
            if progress.state in {"done", "failed"}:
                return await asyncio.to_thread(self._answer_inline, progress, owner)
        where = f"/tasks/status/{number}"
        body = {"message": "queued", "id": number, "url": self._site.public_url + where}
        return answer(body, 202, {"Location": where, **headers})

    async def ask(self, load: Load) -> tuple[int, dict[str, str]]:
        """Have it loaded: its number, and the headers that tell GitHub's limit. Raises RateLimitedError."""
        headers = await asyncio.to_thread(self._check_limit, _find_owner(load))
        now = self._site.clock()
        number = await self._site.database.write_soon(lambda connection: ask_for(connection, load, now))
        self._site.wake("loads")
        return number, headers

    async def cancel_load(self, request: Request, number: Number) -> Response:
        """End a load before it is done; what was read stays, nothing is taken for deleted. 409 when it has ended."""
        await self.cancel(await self._gate.require(request, "write"), number)
        return Response(status_code=204)

    async def cancel(self, asker: Asker, number: int) -> None:
        """End a load for who may. Raises NotFoundError, ConflictError."""
        now = self._site.clock()
        await self._site.database.write_soon(lambda connection: cancel(connection, number, asker.name, now))

    async def show_status(self, request: Request, number: Number) -> Response:
        """How a load stands: `done` of `total` steps (pages, sweeps, checks), as far as they are known by now."""
        await self._gate.require(request, "read")
        return answer(self._describe(await self._site.database.read(lambda found: load_progress(found, number))))

    async def list_loads(self, request: Request, limit: Limit = 200, cursor: Cursor = None) -> Response:
        """Loads, newest first."""
        await self._gate.require(request, "read")
        page = await self._site.database.read(lambda connection: list_loads(connection, limit, cursor))
        return answer_page(request, page, self._describe, self._site.public_url)

    async def list_scans(
        self, request: Request, repo: Scope = None, limit: Limit = 200, cursor: TextCursor = None
    ) -> Response:
        """Which listings were read when, the latest first; of one repository, or of all."""
        await self._gate.require(request, "read")
        scope = repo.casefold() if repo else None
        page = await self._site.database.read(lambda connection: list_scans(connection, scope, limit, cursor))
        return answer_page(request, page, _write_scan, self._site.public_url)

    def _check_limit(self, owner: str | None) -> dict[str, str]:
        """The headers that tell the limit. Raises RateLimitedError when it is known that GitHub won't answer."""
        left = self._github.look_wait(owner)
        if left > 0:
            raise RateLimitedError(f"GitHub's limit is used up. Try again in {left:.0f} seconds.", 429, left)
        return _form_headers(self._github.look(owner))

    def _answer_inline(self, progress: Progress, owner: str | None) -> Response:
        if progress.state == "failed":
            status = int(progress.payload.get("status", 0))
            if status == 404:
                raise NotFoundError(str(progress.error))
            raise GitHubError(str(progress.error), status)
        headers = _form_headers(self._github.look(owner))
        return answer({"message": "success", **self._describe(progress)}, 200, headers)

    def _describe(self, progress: Progress) -> dict[str, Any]:
        payload = progress.payload
        return {
            "id": progress.id,
            "state": progress.state,
            "status": _CELERY_WORDS[progress.state],
            "done": progress.done,
            "total": progress.total,
            "error": progress.error,
            "note": progress.note,
            "waits_until": moment(progress.waits_until),
            "load": read_load(payload).title,
            "told": payload.get("told", {}),
            "left_out": payload.get("left_out", []),
            "created_at": moment(progress.created_at),
            "finished_at": moment(progress.finished_at),
            "url": f"{self._site.public_url}/tasks/status/{progress.id}",
        }


def _find_owner(load: Load) -> str | None:
    return load.where.get("owner") or load.where.get("org")


def _write_scan(row: Row[Any]) -> dict[str, Any]:
    named = ((str(name), value) for name, value in row._mapping.items())
    return {name: moment(value) if name.endswith("_at") else value for name, value in named}


def _form_headers(figures: Figures | None) -> dict[str, str]:
    """GitHub's own headers, as they were told last."""
    if figures is None:
        return {}
    named = {"Limit": figures.limit, "Remaining": figures.remaining, "Reset": int(figures.reset_at)}
    return {f"X-RateLimit-{name}": str(value) for name, value in named.items()}


def _form_route(place: str) -> str:
    for name, converter in _CONVERTERS.items():
        place = place.replace(f"{{{name}}}", f"{{{name}{converter}}}")
    return place


def _find_place(request: Request) -> str:
    place = str(request.scope["route"].path).removeprefix("/load")
    for name, converter in _CONVERTERS.items():
        place = place.replace(f"{{{name}{converter}}}", f"{{{name}}}")
    return place


def _read_load(request: Request) -> Load:
    """What is asked for. Raises UnprocessableError."""
    for value in request.path_params.values():
        if isinstance(value, str) and (len(value) > LONGEST_NAME or not value.isprintable() or value in {".", ".."}):
            raise UnprocessableError("A part of the address is no name that GitHub knows.")
    query = request.query_params
    return check_load(
        Load(
            listings=LOADS[_find_place(request)],
            where=dict(request.path_params),
            state=query.get("state") or "all",
            type=query.get("type") or None,
            children=_is_on(query, "children"),
            since=query.get("since") or None,
            soon=_is_on(query, "inline"),
        )
    )


def _is_on(query: Mapping[str, str], name: str) -> bool:
    """`?name` and `?name=anything` say yes."""
    return name in query and query[name].casefold() not in _OFF


def _describe(place: str) -> dict[str, Any]:
    """The parameters, for the API's document."""
    names = [part[1:-1] for part in place.split("/") if part.startswith("{")]
    kinds = {"number": "integer", "id": "integer"}
    inside = [
        {"name": name, "in": "path", "required": True, "schema": {"type": kinds.get(name, "string")}} for name in names
    ]
    options = [
        {"name": name, "in": "query", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in _OPTIONS.items()
    ]
    listings = ", ".join(name.replace("_", " ") for name in LOADS[place])
    return {"summary": f"Load {listings}", "parameters": [*inside, *options]}
