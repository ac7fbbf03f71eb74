"""The doors for what builders hand in and ask back: files of their runs, through the hub or straight to the store."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import PurePosixPath

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from hubwright.domain.artifacts import path_problem
from hubwright.errors import MalformedError, UnprocessableError
from hubwright.hub.caching import Ask, Caching
from hubwright.hub.keeping import Keeping, Offer
from hubwright.store.artifacts import KeptFile
from hubwright.web.gate import Gate
from hubwright.web.site import Site

_DIGEST = re.compile(r"[0-9a-f]{64}")


def make_upload_routes(site: Site, gate: Gate) -> list[BaseRoute]:
    """The routes; all need a builder's token and the lease of the run."""
    keeping = Keeping(site.database, site.storage, site.artifacts, site.clock)
    caching = Caching(site.database, site.storage, site.artifacts, site.clock)

    async def keep_file(request: Request) -> Response:
        """The file is the body."""
        offer = await read_offer(request, gate)
        return _kept(await keeping.take(offer, read_body(request)))

    async def keep_direct(request: Request) -> Response:
        """`?direct=begin` asks for an address to PUT the file to, `?direct=end` says that it is there."""
        offer = await read_offer(request, gate)
        if request.query_params.get("direct") == "end":
            return _kept(await keeping.take_direct(offer))
        return JSONResponse({"url": await keeping.sign(offer), "stalled": site.artifacts.stalled})

    async def give_cache(request: Request) -> Response:
        """`X-Hubwright-Cache` says whether it is the one asked for (`exact`) or the newest like it (`near`)."""
        ask = await _read_ask(request, gate)
        entry, content = await caching.find(ask)
        found = "exact" if entry.digest == ask.digest else "near"
        headers = {"X-Hubwright-Cache": found, "X-Hubwright-Sha256": entry.sha256, "Content-Length": str(entry.size)}
        return StreamingResponse(content, 200, headers, media_type="application/octet-stream")

    async def keep_cache(request: Request) -> Response:
        """With `?replace` it takes the place of one of the same digest."""
        ask = await _read_ask(request, gate)
        replace = "replace" in request.query_params
        digest = read_digest(request.headers)
        kept = await caching.keep(ask, read_body(request), digest=digest, replace=replace)
        return JSONResponse({"kept": kept}, 201 if kept else 200)

    path = "/api/v1/runs/{run:int}/artifacts/{path:path}"
    cache = "/api/v1/runs/{run:int}/cache/{family}/{digest}"
    return [
        Route(path, keep_file, methods=["PUT"]),
        Route(path, keep_direct, methods=["POST"]),
        Route(cache, give_cache, methods=["GET"]),
        Route(cache, keep_cache, methods=["PUT"]),
    ]


async def _read_ask(request: Request, gate: Gate) -> Ask:
    """Which cache a builder means. Raises UnprocessableError, MalformedError, UnauthenticatedError."""
    asker = await gate.require(request, "builder")
    family, digest = request.path_params["family"], request.path_params["digest"]
    if not _DIGEST.fullmatch(family) or not _DIGEST.fullmatch(digest):
        raise UnprocessableError("A cache is named by two SHA-256 digests.")
    lease = read_number(request.headers, "x-hubwright-lease")
    run = int(request.path_params["run"])
    return Ask(run=run, lease=lease, token_id=asker.token_id, family=family, digest=digest)


async def read_offer(request: Request, gate: Gate) -> Offer:
    """Who offers what, from address and headers. Raises MalformedError, UnprocessableError, UnauthenticatedError."""
    asker = await gate.require(request, "builder")
    headers = request.headers
    size = headers.get("x-hubwright-size", headers.get("content-length") if request.method == "PUT" else None)
    return Offer(
        run=int(request.path_params["run"]),
        lease=read_number(headers, "x-hubwright-lease"),
        token_id=asker.token_id,
        path=check_path(request.path_params["path"]),
        size=None if size is None else _whole(size, "X-Hubwright-Size", 15),
        digest=read_digest(headers),
        keep=read_number(headers, "x-hubwright-keep") if "x-hubwright-keep" in headers else None,
    )


async def read_body(request: Request) -> AsyncIterator[bytes]:
    """The body piece by piece. Raises MalformedError when the sender goes away in the middle."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise MalformedError("The upload was cut off; send it again.") from error


def read_digest(headers: Headers) -> str | None:
    """The SHA-256 that the sender names. Raises MalformedError."""
    digest = headers.get("x-hubwright-sha256")
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise MalformedError("The header X-Hubwright-Sha256 has 64 lower-case hexadecimal digits.")
    return digest


def check_path(path: str) -> str:
    """A file's path below the workspace, without doubled slashes. Raises UnprocessableError for odd ones."""
    if path.startswith("/"):
        raise UnprocessableError("A file's path is relative.")
    tidy = PurePosixPath(path).as_posix()
    if problem := path_problem(tidy):
        raise UnprocessableError(f"The file is refused: it {problem}.")
    return tidy


def read_number(headers: Headers, name: str) -> int:
    """A header that is a whole number. Raises MalformedError."""
    return _whole(headers.get(name, ""), name, 9)


def _whole(text: str, name: str, digits: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > digits:
        raise MalformedError(f"The header {name} is a whole number.")
    return int(text)


def _kept(file: KeptFile) -> Response:
    return JSONResponse({"path": file.path, "size": file.size, "sha256": file.sha256}, 201)
