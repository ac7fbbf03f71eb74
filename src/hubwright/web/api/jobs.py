"""`/api/v1/jobs`: the tree of jobs and their definitions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from hubwright.errors import NotFoundError, ParameterError
from hubwright.store.definitions import find_subject
from hubwright.store.versions import Kind
from hubwright.store.views_jobs import load_copies, load_jobs
from hubwright.store.views_values import JobView, Page
from hubwright.web.api.answers import MAX_NUMBER, Limit, TextCursor, answer, answer_page
from hubwright.web.api.changes import Changes, Reason, answer_yaml, wants_yaml
from hubwright.web.api.conditions import write_tag
from hubwright.web.api.definition_documents import load_whole_job, write_effective, write_times
from hubwright.web.api.definition_examples import JOB, JOBS, PATCH_JOB, PUT_JOB
from hubwright.web.api.documents import Documents
from hubwright.web.api.versions import Versions
from hubwright.web.askers import folders_of, sees
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

FolderName = Annotated[str, Query(max_length=400, description="The folder that they are below.")]
CopiesOf = Annotated[str, Query(max_length=400, description="The path of a job: its copies instead, newest first.")]


class Jobs:
    """The routes of jobs."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._documents = Documents(site.public_url)
        self._changes = Changes(site, gate, Kind.JOB)

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/jobs", tags=["jobs"])
        router.add_api_route("", self.list_jobs, methods=["GET"], openapi_extra=JOBS)
        Versions(self._site, self._changes, Kind.JOB, self._show).add_routes(router)
        router.add_api_route("/{path:path}", self.show_job, methods=["GET"], openapi_extra=JOB)
        router.add_api_route("/{path:path}", self.put_job, methods=["PUT"], openapi_extra=PUT_JOB)
        router.add_api_route("/{path:path}", self.patch_job, methods=["PATCH"], openapi_extra=PATCH_JOB)
        router.add_api_route("/{path:path}", self.remove_job, methods=["DELETE"], status_code=204)
        return router

    async def list_jobs(
        self,
        request: Request,
        folder: FolderName = "",
        *,
        direct: Annotated[bool, Query(description="Only those right in the folder.")] = False,
        copies: CopiesOf = "",
        archived: Annotated[bool, Query(description="Of copies: those too whose branch or pull request is gone.")] = (
            False
        ),
        limit: Limit = 200,
        cursor: TextCursor = None,
    ) -> Response:
        """Jobs by path, those below `folder` or all; or the copies of one."""

        def load(connection: Connection) -> Page[JobView]:
            if not copies:
                return load_jobs(
                    connection, folder.strip("/"), limit, cursor, direct=direct, within=folders_of(request)
                )
            parent = find_subject(connection, Kind.JOB, copies.strip("/"))
            if parent is None or not sees(request, copies.strip("/")):
                raise NotFoundError(f"There is no job {copies!r}.")
            return load_copies(connection, parent.id, limit, _read_cursor(cursor), archived=archived)

        page = await self._site.database.read(load)
        return answer_page(request, page, self._documents.job, self._site.public_url)

    async def show_job(self, request: Request, path: str, limit: Limit = 200, cursor: TextCursor = None) -> Response:
        """The job or copy at a path: what it says itself, what holds, and where each value comes from.

        Its own definition as YAML, where Accept asks for `application/yaml`. Of a folder, the jobs below it, in pages.
        """
        path = path.strip("/")
        try:
            return await self._show(request, path)
        except NotFoundError:
            page = await self._site.database.read(lambda connection: load_jobs(connection, path, limit, cursor))
            if not page.items:
                raise
            return answer_page(request, page, self._documents.job, self._site.public_url)

    async def put_job(self, request: Request, path: str, reason: Reason = "") -> Response:
        """Define the job at a path, in JSON or YAML; 201 when it is new. See /schema/job.json.

        Without `repository` and `clone_url` both stay. `If-Match` with the ETag of what was read: 412 if it changed.
        """
        path = path.strip("/")
        new = await self._changes.put(request, path, reason)
        return await self._show(request, path, 201 if new else 200)

    async def patch_job(self, request: Request, path: str, reason: Reason = "") -> Response:
        """Change what is named of the definition; what is null is not said any more, so that it is inherited.

        Maps that are inherited key by key are changed so, as in RFC 7396; all else is replaced as a whole.
        """
        path = path.strip("/")
        await self._changes.patch(request, path, reason)
        return await self._show(request, path)

    async def remove_job(self, request: Request, path: str) -> Response:
        """Take the job away. Its builds stay for as long as others do; a push to its repository may make it anew."""
        await self._changes.remove(request, path.strip("/"))
        return Response(status_code=204)

    async def _show(self, request: Request, path: str, status: int = 200) -> Response:
        whole = await self._site.database.read(lambda connection: load_whole_job(connection, path))
        if wants_yaml(request):
            return answer_yaml(whole.subject.document, whole.subject.version, status)
        content = self._documents.job(whole.view) | {"definition": whole.subject.document}
        headers = {"Location": f"/api/v1/jobs/{path}", "ETag": write_tag(whole.subject.version)}
        return answer(content | write_effective(whole.effective) | write_times(whole.times), status, headers)


def _read_cursor(cursor: str | None) -> int | None:
    """A number, as `next` was. Raises ParameterError."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit()) or int(cursor) > MAX_NUMBER:
        raise ParameterError("The cursor is not the `next` of a page of copies.", "cursor")
    return int(cursor)
