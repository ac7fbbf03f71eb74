"""`/kept/PASS/RUN/PATH`: files of builds as a browser shows them, in a sandbox without origin, cookies or scripts.

A sandboxed page's own requests carry no cookies, so the address itself says who may: it is made for readers
(`/builds/ID/look/RUN/PATH`), good for an hour, and for the files of one run. A hub may have another origin for them.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hubwright.domain.artifacts import artifact_key
from hubwright.domain.showing import content_policy, is_good, make_pass, media_type
from hubwright.errors import NotFoundError
from hubwright.hub.signing import open_signer
from hubwright.store.downloads import load_artifact_of_run
from hubwright.web.api.artifacts import headers_of
from hubwright.web.site import Site

_EXPIRED = "This address is not good any more, or never was: open the file from its build's page again."


class KeptFiles:
    """Makes and serves such addresses."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._origin = (site.artifacts.origin or "").rstrip("/")
        self._key: bytes | None = None

    def routes(self) -> list[Route]:
        """The route."""
        return [Route("/kept/{token}/{run:int}/{path:path}", self.show)]

    async def make_address(self, run: int, path: str) -> str:
        """Where a reader sees the run's file. Raises NotFoundError where the hub has no key."""
        token = make_pass(await self._load_key(), run, self._site.clock())
        return f"{self._origin}/kept/{token}/{run}/{quote(path)}"

    async def show(self, request: Request) -> Response:
        """`GET /kept/{token}/{run}/{path}`; a folder shows its `index.html`."""
        run: int = request.path_params["run"]
        path: str = request.path_params["path"]
        good = is_good(await self._load_key(), request.path_params["token"], run, self._site.clock())
        if not good or not self._is_here(request):
            raise NotFoundError(_EXPIRED)
        if not path or path.endswith("/"):
            path += "index.html"
        found = await self._site.database.read(lambda connection: load_artifact_of_run(connection, run, path))
        headers = headers_of(found) | {
            "Content-Security-Policy": content_policy(apart=bool(self._origin)),
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            # what has no origin is foreign to its own pictures and fonts; who has the address may read
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": "private, no-cache",
        }
        kind = media_type(path)
        if kind is not None:
            del headers["Content-Disposition"]
        size, body = await self._site.storage.get(artifact_key(found.run_id, found.path, found.key))
        if size != found.size:
            raise NotFoundError("The kept file is not whole any more.")
        headers["Content-Length"] = str(size)
        headers.pop("Accept-Ranges")
        return StreamingResponse(body, headers=headers, media_type=kind or "application/octet-stream")

    def _is_here(self, request: Request) -> bool:
        """Where there is an origin for files, they are shown nowhere else: its rules allow more."""
        return not self._origin or request.headers.get("host", "").lower() == urlsplit(self._origin).netloc.lower()

    async def _load_key(self) -> bytes:
        if self._site.signing_key is None:
            raise NotFoundError("This hub has no key for such addresses: download the file.")
        if self._key is None:
            signer = await asyncio.to_thread(open_signer, self._site.signing_key)
            self._key = signer.derive("kept files")
        return self._key
