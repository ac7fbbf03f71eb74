"""Files that runs kept, by commit and platform or by run. They come from builds, so no browser may run them (S28)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import PurePosixPath
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse

from hubwright.domain.artifacts import artifact_key
from hubwright.errors import NotFoundError
from hubwright.store.downloads import load_artifact, load_artifact_of_run
from hubwright.store.views_values import ArtifactView
from hubwright.web.api.answers import Number
from hubwright.web.api.provenance import Provenance
from hubwright.web.api.windows import read_range
from hubwright.web.problems import make_problem
from hubwright.web.routes import Routes
from hubwright.web.site import Site

Find = Callable[[str], Awaitable[ArtifactView]]

SUM = ".sha256"
"""Behind a file's address: its SHA-256, as `sha256sum --check` reads it."""

STATEMENT = ".intoto.jsonl"
"""Behind a file's address: where it comes from, signed by the hub."""

SIGNED = 60.0
"""Seconds for which a reader may use an address of the store."""


class Artifacts:
    """The routes of artifacts."""

    def __init__(self, site: Site, provenance: Provenance) -> None:
        self._site = site
        self._provenance = provenance

    def make_router(self) -> Routes:
        """The routes, for the site."""
        router = Routes(tags=["artifacts"])
        routes: dict[str, Callable[..., Awaitable[Response]]] = {
            "/artifacts/{sha}/{platform}/{path:path}": self.download,
            "/api/v1/runs/{run_id}/artifacts/{path:path}": self.download_of_run,
        }
        for path, handle in routes.items():
            router.add_api_route(path, handle, methods=["GET"])
            router.add_api_route(path, handle, methods=["HEAD"], include_in_schema=False)
        return router

    async def download(self, request: Request, sha: str, platform: str, path: str) -> Response:
        """The file of this path that was kept for the commit on the platform: the newest good one, else the newest.

        With `.sha256` behind the path its digest, with `.intoto.jsonl` its signed provenance.
        """

        async def find(path: str) -> ArtifactView:
            return await self._site.database.read(lambda connection: load_artifact(connection, sha, platform, path))

        return await self._answer(request, find, path)

    async def download_of_run(self, request: Request, run_id: Number, path: str) -> Response:
        """The run's file of this path; `.sha256` and `.intoto.jsonl` as at `/artifacts`."""

        async def find(path: str) -> ArtifactView:
            return await self._site.database.read(lambda connection: load_artifact_of_run(connection, run_id, path))

        return await self._answer(request, find, path)

    async def _answer(self, request: Request, find: Find, path: str) -> Response:
        try:
            return await self._send(request, await find(path))
        except NotFoundError:
            if path.endswith(SUM):
                return _answer_sum(await find(path.removesuffix(SUM)))
            if path.endswith(STATEMENT):
                return await self._provenance.answer_file(await find(path.removesuffix(STATEMENT)))
            raise

    async def _send(self, request: Request, found: ArtifactView) -> Response:
        headers = headers_of(found)
        if _is_known(request, headers["ETag"]):
            return Response(None, 304, headers)
        asked, asker = None, request.headers.get("range")
        if asker is not None and request.headers.get("if-range", headers["ETag"]) == headers["ETag"]:
            try:
                asked = read_range(asker, found.size)
            except ValueError:
                detail = f"The file has {found.size} bytes; nothing of this range is there."
                return make_problem(
                    416, "Range not satisfiable", detail, headers={"Content-Range": f"bytes */{found.size}"}
                )
        key = artifact_key(found.run_id, found.path, found.key)
        if self._site.artifacts.redirect and (place := await self._site.storage.sign("GET", key, SIGNED)):
            return RedirectResponse(place, 302, {"Cache-Control": "no-store"})
        start, end = (0, found.size) if asked is None else (asked.start, asked.end)
        headers["Content-Length"] = str(end - start)
        if asked is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
        body: AsyncIterator[bytes] | tuple[()] = ()
        if request.method == "GET":
            size, body = await self._site.storage.get(key, start, None if asked is None else end)
            if size != found.size:
                raise NotFoundError("The kept file is not whole any more.")
        return StreamingResponse(body, 200 if asked is None else 206, headers, media_type="application/octet-stream")


def headers_of(found: ArtifactView) -> dict[str, str]:
    """What goes with a file: it is a download of unknown kind, kept apart from the site, with its digest.

    https://www.rfc-editor.org/rfc/rfc9530 (Repr-Digest), https://www.rfc-editor.org/rfc/rfc3230 (Digest, older)
    """
    digest = base64.b64encode(bytes.fromhex(found.sha256)).decode()
    return {
        "ETag": f'"{found.sha256}"',
        "Accept-Ranges": "bytes",
        "X-Checksum": found.sha256,
        "Repr-Digest": f"sha-256=:{digest}:",
        "Digest": f"sha-256={digest}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Content-Disposition": disposition(PurePosixPath(found.path).name),
        "Cache-Control": "no-cache",
    }


def disposition(name: str) -> str:
    """An attachment of this name, for old and new readers. https://www.rfc-editor.org/rfc/rfc6266#appendix-D"""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _is_known(request: Request, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return etag in tags or "*" in tags


def _answer_sum(found: ArtifactView) -> Response:
    name = PurePosixPath(found.path).name
    return PlainTextResponse(
        f"{found.sha256}  {name}\n",
        headers={"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"},
    )
