"""`/admin/secrets`: which secrets there are, for what; set and removed, sealed anew. No page ever shows a value."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.errors import UnprocessableError
from hubwright.store.secrets import load_key_ids, load_secrets
from hubwright.web.api.secrets import Secrets
from hubwright.web.pages.forms import need, read_fields
from hubwright.web.pages.frame import Frame

_SECRETS = 100
_KINDS = {"all": "all jobs", "folder": "jobs below a folder", "job": "one job and its copies"}


class SecretPages:
    """Those of jobs and folders are for the role `write`, those for all jobs for `admin`, as in the API."""

    def __init__(self, frame: Frame, secrets: Secrets) -> None:
        self._frame = frame
        self._secrets = secrets

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/admin/secrets", self.show),
            Route("/admin/secrets", self.keep, methods=["POST"]),
            Route("/admin/secrets/remove", self.remove, methods=["POST"]),
            Route("/admin/secrets/rotate", self.rotate, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /admin/secrets?after=&name=&scope=`; name and scope fill the form."""
        request.state.asker = asker = await self._frame.require(request, "write")
        query = request.query_params
        after = query.get("after", "")[:700] or None

        def load(connection: Connection) -> tuple[Any, dict[str, int]]:
            keys = load_key_ids(connection) if asker.may("admin") else {}
            return load_secrets(connection, None, _SECRETS, after, asker.folders), keys

        page, keys = await self._frame.site.database.read(load)
        kinds = {kind: word for kind, word in _KINDS.items() if kind != "all" or asker.may("admin")}
        filled = {name: query.get(name, "")[:400] for name in ("name", "scope")}
        return self._frame.show(request, "secrets.html", page=page, keys=keys, kinds=kinds, filled=filled)

    async def keep(self, request: Request) -> Response:
        """`POST /admin/secrets`: set one, or give it another value."""
        await self._frame.require(request, "write")
        fields = await read_fields(request)
        kind, path = fields.get("kind", ""), fields.get("scope", "").strip().strip("/")
        if kind not in _KINDS:
            raise UnprocessableError(f"kind: one of {', '.join(_KINDS)} is expected.", "/kind")
        if (kind == "all") != (not path):
            raise UnprocessableError("scope: a folder or a job has a path; all jobs have none.", "/scope")
        name, value = need(fields, "name"), fields.get("value", "").replace("\r\n", "\n")
        job, folder = (path, None) if kind == "job" else (None, path or None)
        asker, scope = await self._secrets.require(request, job, folder)
        await self._secrets.keep(asker, (scope, name), value, of_job=kind == "job")
        return RedirectResponse("/admin/secrets", 303)

    async def remove(self, request: Request) -> Response:
        """`POST /admin/secrets/remove`."""
        await self._frame.require(request, "write")
        fields = await read_fields(request)
        name, path = need(fields, "name"), fields.get("scope", "")
        asker, scope = await self._secrets.require(request, None, path or None)
        await self._secrets.remove(asker, scope, name)
        return RedirectResponse("/admin/secrets", 303)

    async def rotate(self, request: Request) -> Response:
        """`POST /admin/secrets/rotate`: seal all with the newest key."""
        await self._frame.require(request, "admin")
        done = await self._secrets.rotate()
        if done.problems:
            raise UnprocessableError(" ".join(done.problems)[:2000])
        return RedirectResponse("/admin/secrets", 303)
