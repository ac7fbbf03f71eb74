"""`/api/v1/jobs`: the tree of jobs and their definitions."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.refs import read_clone_url
from hubwright.errors import NotFoundError, UnprocessableError
from hubwright.hub.backfill import ask_backfill
from hubwright.hub.wishes import Wishes
from hubwright.store.definitions import keep_definition
from hubwright.store.views import load_build
from hubwright.store.views_jobs import load_job, load_jobs
from hubwright.web.api.answers import Limit, TextCursor, answer, answer_page
from hubwright.web.api.bodies import read_object
from hubwright.web.api.definitions import Definition, merge_patch, read_definition, read_start
from hubwright.web.api.documents import Documents
from hubwright.web.gate import Gate
from hubwright.web.site import Site

_PATH = re.compile(r"(?!.*/builds\Z)[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){0,9}\Z")

MAX_KEY = 200
"""Characters of an Idempotency-Key."""


class Jobs:
    """The routes of jobs."""

    def __init__(self, site: Site, gate: Gate, wishes: Wishes) -> None:
        self._site = site
        self._gate = gate
        self._wishes = wishes
        self._documents = Documents(site.public_url)

    def make_router(self) -> APIRouter:
        """The routes, for the API."""
        router = APIRouter(prefix="/jobs", tags=["jobs"])
        router.add_api_route("", self.list_jobs, methods=["GET"])
        router.add_api_route("/{path:path}", self.show_job, methods=["GET"])
        router.add_api_route("/{path:path}", self.put_job, methods=["PUT"])
        router.add_api_route("/{path:path}", self.patch_job, methods=["PATCH"])
        router.add_api_route("/{path:path}/builds", self.start_build, methods=["POST"], status_code=202)
        return router

    async def list_jobs(
        self,
        request: Request,
        folder: Annotated[str, Query(max_length=400)] = "",
        limit: Limit = 200,
        cursor: TextCursor = None,
    ) -> Response:
        """Jobs by path, those below `folder` or all."""
        page = await self._site.database.read(
            lambda connection: load_jobs(connection, folder.strip("/"), limit, cursor)
        )
        return answer_page(request, page, self._documents.job, self._site.public_url)

    async def show_job(self, request: Request, path: str) -> Response:
        """The job at a path, or the jobs of a folder."""
        try:
            job = await self._site.database.read(lambda connection: load_job(connection, path))
        except NotFoundError:
            page = await self._site.database.read(lambda connection: load_jobs(connection, path.strip("/")))
            if not page.items:
                raise
            return answer_page(request, page, self._documents.job, self._site.public_url)
        return answer(self._documents.job(job))

    async def put_job(self, request: Request, path: str) -> Response:
        """Define the job at a path: `{"repo", "clone_url", "enabled", "settings"}`; 201 when it is new."""
        asker = await self._gate.require(request, "write")
        if not _PATH.match(path):
            raise UnprocessableError(
                "A job's path is names of letters, digits, `_`, `-` and `.`, with `/` between them."
            )
        wanted = read_definition(await read_object(request))
        new = await self._site.database.write_soon(lambda connection: self._keep(connection, path, wanted, asker.name))
        return await self._show_kept(path, 201 if new else 200)

    async def patch_job(self, request: Request, path: str) -> Response:
        """Change what is named of the job; a setting that is null gets its default again (RFC 7396)."""
        asker = await self._gate.require(request, "write")
        changes = await read_object(request)

        def keep(connection: Connection) -> None:
            known = load_job(connection, path)
            fields = {"repo": known.repository, "clone_url": known.clone_url, "enabled": known.enabled}
            merged = merge_patch({**fields, "settings": known.settings}, changes)
            self._keep(connection, path, read_definition(merged), asker.name)

        await self._site.database.write_soon(keep)
        return await self._show_kept(path, 200)

    async def start_build(self, request: Request, path: str) -> Response:
        """Build the job: `{"ref", "sha", "parameters"}`, all optional; once for each `Idempotency-Key`."""
        asker = await self._gate.require(request, "write")
        wanted = read_start(await read_object(request))
        key = request.headers.get("idempotency-key") or secrets.token_hex(16)
        if len(key) > MAX_KEY:
            raise UnprocessableError(f"An Idempotency-Key has at most {MAX_KEY} characters.")
        asked = await asyncio.to_thread(
            self._wishes.start, path, wanted.ref, wanted.sha, asker.name, key, self._site.clock(), wanted.parameters
        )
        build = await self._site.database.read(lambda connection: load_build(connection, asked.build_id))
        headers = {"Location": f"/api/v1/builds/{asked.build_id}"}
        return answer(self._documents.build(build), 202, headers)

    def _keep(self, connection: Connection, path: str, wanted: Definition, author: str) -> bool:
        source = _find_source(connection, path, wanted)
        now = self._site.clock()
        new = keep_definition(connection, path, wanted.settings, source, enabled=wanted.enabled, now=now, author=author)
        if not new:
            ask_backfill(connection, path, now)
        return new

    async def _show_kept(self, path: str, status: int) -> Response:
        self._site.wake("deliveries")
        job = await self._site.database.read(lambda connection: load_job(connection, path))
        return answer(self._documents.job(job), status, {"Location": f"/api/v1/jobs/{path}"})


def _find_source(connection: Connection, path: str, wanted: Definition) -> tuple[str, str | None]:
    """The repository and its address: as wanted, else as they are. Raises UnprocessableError for a new job without."""
    if wanted.repo is not None:
        return wanted.repo, wanted.clone_url
    if wanted.clone_url is not None:
        address = read_clone_url(wanted.clone_url)
        return f"{address.owner}/{address.name}", wanted.clone_url
    try:
        known = load_job(connection, path)
    except NotFoundError as error:
        raise UnprocessableError('A new job needs `"repo": "owner/name"` or a `clone_url`.') from error
    return known.repository, known.clone_url
