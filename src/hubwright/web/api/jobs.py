"""`/api/v1/jobs`: the tree of jobs and their definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.jobs import JobSettings
from hubwright.domain.refs import check_owner, check_repository, read_clone_url
from hubwright.errors import NotFoundError, UnprocessableError
from hubwright.store.definitions import keep_definition
from hubwright.store.views_jobs import load_job, load_jobs
from hubwright.web.api.answers import Limit, TextCursor, answer, answer_page
from hubwright.web.api.bodies import check_keys, convert, read_object
from hubwright.web.api.documents import Documents
from hubwright.web.gate import Gate
from hubwright.web.site import Site

_PATH = re.compile(r"(?!.*/builds\Z)[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){0,9}\Z")
_SETTINGS = tuple(field.name for field in fields(JobSettings))


class Definition(msgspec.Struct):
    """A job as it is PUT. `repo` is `owner/name`; without it and `clone_url`, both stay as they are."""

    repo: str | None = None
    clone_url: str | None = None
    enabled: bool = True
    settings: JobSettings = JobSettings()


class Jobs:
    """The routes of jobs."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate
        self._documents = Documents(site.public_url)

    def make_router(self) -> APIRouter:
        """The routes, for the API."""
        router = APIRouter(prefix="/jobs", tags=["jobs"])
        router.add_api_route("", self.list_jobs, methods=["GET"])
        router.add_api_route("/{path:path}", self.show_job, methods=["GET"])
        router.add_api_route("/{path:path}", self.put_job, methods=["PUT"])
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
        await self._gate.require(request, "write")
        if not _PATH.match(path):
            raise UnprocessableError(
                "A job's path is names of letters, digits, `_`, `-` and `.`, with `/` between them."
            )
        wanted = read_definition(await read_object(request))
        now = self._site.clock()

        def keep(connection: Connection) -> bool:
            source = _find_source(connection, path, wanted)
            return keep_definition(connection, path, wanted.settings, source, enabled=wanted.enabled, now=now)

        new = await self._site.database.write_soon(keep)
        job = await self._site.database.read(lambda connection: load_job(connection, path))
        return answer(self._documents.job(job), 201 if new else 200, {"Location": f"/api/v1/jobs/{path}"})


def read_definition(data: Mapping[str, Any]) -> Definition:
    """A job's definition. Raises UnprocessableError, MalformedError that name what is wrong."""
    settings = data.get("settings")
    if isinstance(settings, dict):
        check_keys(settings, _SETTINGS, "settings.")
    definition = convert(data, Definition)
    _check_bounds(definition.settings)
    if definition.repo is not None:
        owner, _, name = definition.repo.partition("/")
        definition.repo = f"{check_owner(owner)}/{check_repository(name)}"
    return definition


def _check_bounds(settings: JobSettings) -> None:
    for name, value, most in (
        ("timeout", settings.timeout, 7 * 86_400),
        ("max_commits_per_push", settings.max_commits_per_push, 2048),
    ):
        if not 1 <= value <= most:
            raise UnprocessableError(f"settings.{name} is {value}; between 1 and {most} is expected.")


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
