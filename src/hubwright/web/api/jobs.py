"""`/api/v1/jobs`: the tree of jobs and their definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
import orjson
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.jobs import JobSettings
from hubwright.domain.refs import check_owner, check_repository, read_clone_url
from hubwright.errors import MalformedError, NotFoundError, TooLargeError, UnprocessableError
from hubwright.store.definitions import keep_definition
from hubwright.store.views_jobs import load_job, load_jobs
from hubwright.web.api.answers import Limit, TextCursor, answer, answer_page
from hubwright.web.api.documents import Documents
from hubwright.web.gate import Gate
from hubwright.web.site import Site

MAX_BODY = 256 * 1024
"""Bytes of a definition, its inline recipe included."""

_PATH = re.compile(r"(?!.*/builds\Z)[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){0,9}\Z")
_SETTINGS = tuple(field.name for field in fields(JobSettings))
_KEYS = ("repo", "clone_url", "enabled", "settings")


class Definition(msgspec.Struct, forbid_unknown_fields=True):
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
        wanted = read_definition(await read_body(request))
        now = self._site.clock()

        def keep(connection: Any) -> bool:
            repository, clone_url = wanted.repo, wanted.clone_url
            if repository is None:
                known = load_job(connection, path) if clone_url is None else None
                repository, clone_url = (known.repository, known.clone_url) if known else (_name(clone_url), clone_url)
            return keep_definition(
                connection,
                path,
                wanted.settings,
                repository=repository,
                clone_url=clone_url,
                enabled=wanted.enabled,
                now=now,
            )

        new = await self._site.database.write_soon(keep)
        job = await self._site.database.read(lambda connection: load_job(connection, path))
        return answer(self._documents.job(job), 201 if new else 200, {"Location": f"/api/v1/jobs/{path}"})


async def read_body(request: Request) -> bytes:
    """The request's body, at most `MAX_BODY`. Raises TooLargeError."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise TooLargeError(f"A job's definition has at most {MAX_BODY} bytes.")
    return body


def read_definition(body: bytes) -> Definition:
    """A job's definition. Raises MalformedError, UnprocessableError that names the wrong key or value."""
    try:
        data = orjson.loads(body)
    except ValueError as error:
        raise MalformedError(f"The body is not JSON: {error}.") from error
    if not isinstance(data, dict):
        raise MalformedError("The body is not a JSON object.")
    _check_keys(data, _KEYS, "")
    settings = data.get("settings")
    if isinstance(settings, dict):
        _check_keys(settings, _SETTINGS, "settings.")
    try:
        definition = msgspec.convert(data, Definition)
    except msgspec.ValidationError as error:
        raise UnprocessableError(f"{error}.".replace("$.", "").replace("`", "")) from error
    _check_bounds(definition.settings)
    if definition.repo is not None:
        owner, _, name = definition.repo.partition("/")
        definition.repo = f"{check_owner(owner)}/{check_repository(name)}"
    return definition


def _check_keys(data: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> None:
    for key in data:
        if key not in known:
            close = get_close_matches(key, known, 1)
            hint = f"did you mean {prefix}{close[0]}?" if close else f"known are {', '.join(known)}."
            raise UnprocessableError(f"{prefix + key[:80]!a} is not known; {hint}")


def _check_bounds(settings: JobSettings) -> None:
    for name, value, most in (
        ("timeout", settings.timeout, 7 * 86_400),
        ("max_commits_per_push", settings.max_commits_per_push, 2048),
    ):
        if not 1 <= value <= most:
            raise UnprocessableError(f"settings.{name} is {value}; between 1 and {most} is expected.")


def _name(clone_url: str | None) -> str:
    """`owner/name` out of an address. Raises UnprocessableError when there is neither."""
    if clone_url is None:
        raise UnprocessableError('A new job needs `"repo": "owner/name"` or a `clone_url`.')
    address = read_clone_url(clone_url)
    return f"{address.owner}/{address.name}"
