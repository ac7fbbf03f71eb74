"""System 3's doors: `POST /builds/register` and `GET /builds`, with its words for the state of a build."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import orjson
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hubwright.domain.refs import check_branch
from hubwright.errors import MalformedError, UnprocessableError
from hubwright.hub.addresses import COMMAND, AddressRules
from hubwright.hub.wishes import Asked, Wishes
from hubwright.store.views import load_builds
from hubwright.store.views_results import load_clone_urls
from hubwright.store.views_values import BuildFilter, BuildView
from hubwright.web.gate import Gate
from hubwright.web.hooks import read_body
from hubwright.web.site import Site

MAX_BODY = 64 * 1024
LISTED = 100


def make_register_routes(site: Site, gate: Gate, wishes: Wishes, rules: AddressRules) -> list[BaseRoute]:
    """The routes of system 3."""

    async def register(request: Request) -> Response:
        if not site.anonymous_register or request.headers.get("authorization"):
            await gate.require(request, "write")
        else:
            gate.check_host(request)
        url, branch = _read_wish(
            request.headers.get("content-type", ""),
            await read_body(request.headers.get("content-length"), request.receive, MAX_BODY),
        )
        if url.lstrip().startswith(COMMAND):
            await gate.require(request, "write")
        found = await asyncio.to_thread(rules.check, url)
        asked = await asyncio.to_thread(wishes.register, found.repository, found.clone_url, branch, site.clock())
        return _json(_describe(asked, url))

    async def list_builds(request: Request) -> Response:
        folders = (await gate.require(request, "read")).folders

        def load(connection: Connection) -> list[tuple[BuildView, str | None]]:
            builds = load_builds(connection, BuildFilter(folders=folders), LISTED, None).items
            addresses = load_clone_urls(connection, [build.job_id for build in builds])
            return [(build, addresses.get(build.job_id)) for build in builds]

        return _json(
            [
                {
                    "build_id": build.id,
                    "git_repository_url": clone_url or f"{rules.clone_base}/{build.repository}",
                    "commit_hash": build.sha,
                    "build_status": read_status(build.state, build.result),
                    "created_at": _time(build.queued_at),
                }
                for build, clone_url in await site.database.read(load)
            ]
        )

    return [
        Route("/builds/register", register, methods=["POST"]),
        Route("/builds", list_builds, methods=["GET"]),
    ]


def read_status(state: str, result: str | None) -> str:
    """System 3's word: QUEUED, RUNNING, SUCCEEDED or FAILED."""
    if state != "finished":
        return state.upper()
    return "SUCCEEDED" if result in ("success", "skip") else "FAILED"


def _read_wish(content_type: str, body: bytes) -> tuple[str, str | None]:
    """Address and branch. Only JSON is taken: no page of another site can send that unasked.

    What is not there, or no text, is 422 as at system 3; what is blank there is 400 (`AddressRules.check`).
    """
    if "json" not in content_type.lower():
        raise MalformedError("The body is JSON: send Content-Type: application/json.")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedError(f"The body is not JSON: {error}.", "") from None
    url = document.get("git_repository_url") if isinstance(document, dict) else None
    if not isinstance(url, str) or len(url) > 2000:
        raise UnprocessableError("git_repository_url is missing: give the repository's address.", "/git_repository_url")
    branch = document.get("branch")
    if branch is not None and not isinstance(branch, str):
        raise UnprocessableError("branch is a name.", "/branch")
    return url, check_branch(branch) if branch else None


def _describe(asked: Asked, url: str) -> dict[str, object]:
    return {
        "build_id": asked.build_id,
        "git_repository_url": url,
        "commit_hash": asked.sha,
        "build_status": read_status(asked.state, asked.result),
        "created_at": _time(asked.queued_at),
    }


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
