"""`…/provenance`: where the files of a good run come from, signed by the hub, and the key to check it with."""

from __future__ import annotations

import asyncio

from starlette.responses import PlainTextResponse, Response

from hubwright.domain.provenance import Origin, Subject, make_statement
from hubwright.errors import NotFoundError
from hubwright.hub.signing import Signer, open_signer
from hubwright.store.provenance import load_origin
from hubwright.store.views_values import ArtifactView
from hubwright.web.api.answers import Number
from hubwright.web.routes import Routes
from hubwright.web.site import Site

MEDIA_TYPE = "application/vnd.in-toto+json"
_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


class Provenance:
    """The routes of provenance. A statement is made from the hub's own rows whenever it is asked for."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._signer: Signer | None = None

    def make_router(self) -> Routes:
        """The routes, for the site."""
        router = Routes(tags=["artifacts"])
        router.add_api_route("/api/v1/runs/{run_id}/provenance", self.show_run, methods=["GET"])
        router.add_api_route("/provenance/key.pem", self.show_key, methods=["GET"])
        return router

    async def show_run(self, run_id: Number) -> Response:
        """The signed statement about all files of a good run."""
        origin, subjects = await self._load(run_id)
        return await self._sign(origin, subjects)

    async def show_key(self) -> Response:
        """The public key that signatures are checked with, in PEM."""
        signer = await self._open()
        return PlainTextResponse(signer.public_pem, headers=_HEADERS | {"X-Key-Id": signer.key_id})

    async def answer_file(self, file: ArtifactView) -> Response:
        """The signed statement about one file alone. Raises NotFoundError."""
        origin, subjects = await self._load(file.run_id)
        return await self._sign(origin, [one for one in subjects if one.name == file.path])

    async def _load(self, run_id: int) -> tuple[Origin, list[Subject]]:
        hub, version = self._site.public_url, self._site.version
        origin, subjects = await self._site.database.read(
            lambda connection: load_origin(connection, run_id, hub, version)
        )
        if not subjects:
            raise NotFoundError("The run has kept no files, or they have expired.")
        return origin, subjects

    async def _sign(self, origin: Origin, subjects: list[Subject]) -> Response:
        signer = await self._open()
        return Response(signer.sign(make_statement(origin, subjects)), 200, _HEADERS, media_type=MEDIA_TYPE)

    async def _open(self) -> Signer:
        """The hub's key; the file is read, or made, at its first use."""
        if self._site.signing_key is None:
            raise NotFoundError("This hub has no key to sign with.")
        if self._signer is None:
            self._signer = await asyncio.to_thread(open_signer, self._site.signing_key)
        return self._signer
