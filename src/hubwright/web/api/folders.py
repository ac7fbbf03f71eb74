"""`/api/v1/folders`: what folders say for all jobs below them. The root is `/api/v1/folders/`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.job_paths import ROOT
from hubwright.errors import NotFoundError
from hubwright.store.folders import load_folder, load_subfolders
from hubwright.store.versions import Kind
from hubwright.web.api.answers import Limit, TextCursor, answer, answer_page
from hubwright.web.api.changes import Changes, Reason, answer_yaml, wants_yaml
from hubwright.web.api.conditions import write_tag
from hubwright.web.api.definition_documents import write_folder, write_whole_folder
from hubwright.web.api.definition_examples import FOLDER, FOLDERS, PATCH_FOLDER, PUT_FOLDER
from hubwright.web.api.versions import Versions
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

Parent = Annotated[str, Query(max_length=400, description="The folder that they are right in; the root without it.")]


class Folders:
    """The routes of folders."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._changes = Changes(site, gate, Kind.FOLDER)

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/folders", tags=["jobs"])
        router.add_api_route("", self.list_folders, methods=["GET"], openapi_extra=FOLDERS)
        Versions(self._site, self._changes, Kind.FOLDER, self._show).add_routes(router)
        router.add_api_route("/{path:path}", self.show_folder, methods=["GET"], openapi_extra=FOLDER)
        router.add_api_route("/{path:path}", self.put_folder, methods=["PUT"], openapi_extra=PUT_FOLDER)
        router.add_api_route("/{path:path}", self.patch_folder, methods=["PATCH"], openapi_extra=PATCH_FOLDER)
        router.add_api_route("/{path:path}", self.remove_folder, methods=["DELETE"], status_code=204)
        return router

    async def list_folders(
        self, request: Request, parent: Parent = ROOT, limit: Limit = 200, cursor: TextCursor = None
    ) -> Response:
        """The folders right in another one, by path."""
        page = await self._site.database.read(
            lambda connection: load_subfolders(connection, parent.strip("/"), limit, cursor)
        )
        return answer_page(request, page, write_folder, self._site.public_url)

    async def show_folder(self, request: Request, path: str) -> Response:
        """What a folder says, what holds for jobs in it that say nothing themselves, and where each value is from."""
        return await self._show(request, path.strip("/"))

    async def put_folder(self, request: Request, path: str, reason: Reason = "") -> Response:
        """Have a folder say this, in JSON or YAML; 201 when it is new. See /schema/folder.json."""
        path = path.strip("/")
        new = await self._changes.put(request, path, reason)
        return await self._show(request, path, 201 if new else 200)

    async def patch_folder(self, request: Request, path: str, reason: Reason = "") -> Response:
        """Change what is named; what is null is not said any more."""
        path = path.strip("/")
        await self._changes.patch(request, path, reason)
        return await self._show(request, path)

    async def remove_folder(self, request: Request, path: str) -> Response:
        """Take a folder away that nothing is in; 409 while something is."""
        await self._changes.remove(request, path.strip("/"))
        return Response(status_code=204)

    async def _show(self, request: Request, path: str, status: int = 200) -> Response:
        def load(connection: Connection) -> tuple[dict[str, Any], int]:
            folder = load_folder(connection, path)
            if folder is None:
                raise NotFoundError(f"There is no folder {path!r}.")
            return write_whole_folder(connection, folder), folder.version

        content, version = await self._site.database.read(load)
        if wants_yaml(request):
            return answer_yaml(content["definition"], version, status)
        headers = {"Location": f"/api/v1/folders/{path}", "ETag": write_tag(version)}
        return answer(content, status, headers)
