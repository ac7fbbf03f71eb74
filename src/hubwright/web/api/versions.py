"""`…/versions` and `…/differences` of jobs and folders: who changed what, when and why, and the way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Path, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hubwright.domain.job_differences import compare_definitions, write_differences
from hubwright.errors import NotFoundError
from hubwright.store.definitions import Subject, find_subject
from hubwright.store.versions import Kind, Version, load_version, load_versions
from hubwright.store.views_values import Page
from hubwright.web.api.answers import MAX_NUMBER, Cursor, Limit, answer, answer_page
from hubwright.web.api.changes import Changes, Reason, answer_yaml, wants_yaml
from hubwright.web.api.definition_documents import write_difference, write_version
from hubwright.web.api.definition_examples import DIFFERENCES, FOLDER, JOB, VERSION, VERSIONS
from hubwright.web.routes import Routes
from hubwright.web.site import Site

Show = Callable[[Request, str], Awaitable[Response]]
Older = Annotated[int | None, Query(alias="from", ge=0, le=MAX_NUMBER, description="0: when nothing was said.")]
Newer = Annotated[int | None, Query(alias="to", ge=0, le=MAX_NUMBER, description="The newest without it.")]
VersionNumber = Annotated[str, Path(max_length=12, description="The number of a version.")]


class Versions:
    """The routes of versions. `show` answers for what is at a path: a job may be called `versions` itself."""

    def __init__(self, site: Site, changes: Changes, kind: Kind, show: Show) -> None:
        self._site = site
        self._changes = changes
        self._kind = kind
        self._show = show

    def add_routes(self, router: Routes) -> None:
        """Add them to the router of jobs or folders: before the route of any path."""
        router.add_api_route("/{path:path}/versions", self.list_versions, methods=["GET"], openapi_extra=VERSIONS)
        router.add_api_route(
            "/{path:path}/versions/{number}", self.show_version, methods=["GET"], openapi_extra=VERSION
        )
        router.add_api_route(
            "/{path:path}/versions/{number}/restore",
            self.restore_version,
            methods=["POST"],
            openapi_extra=JOB if self._kind is Kind.JOB else FOLDER,
        )
        router.add_api_route(
            "/{path:path}/differences", self.show_differences, methods=["GET"], openapi_extra=DIFFERENCES
        )

    async def list_versions(self, request: Request, path: str, limit: Limit = 50, cursor: Cursor = None) -> Response:
        """Who changed the definition, the newest change first: when, why, and at which places."""

        def load(connection: Connection) -> tuple[Page[Version], Version | None] | None:
            subject = find_subject(connection, self._kind, path)
            if subject is None:
                return None
            page = load_versions(connection, self._kind, subject.id, limit, cursor)
            last = page.items[-1].number if page.items else 1
            return page, load_version(connection, self._kind, subject.id, last - 1) if last > 1 else None

        found = await self._site.database.read(load)
        if found is None:
            return await self._show(request, f"{path}/versions")
        page, before = found
        written = _compare_each([*page.items, *([before] if before is not None else [])])
        pairs = Page(tuple(zip(page.items, written, strict=False)), page.next)
        return answer_page(request, pairs, lambda pair: write_version(*pair), self._site.public_url)

    async def show_version(self, request: Request, path: str, number: VersionNumber) -> Response:
        """A version: the whole definition as it was then, and what it changed. As YAML, where Accept asks for it."""
        wanted = _read_number(number)
        subject = await self._find(path) if wanted is not None else None
        if subject is None or wanted is None:
            return await self._show(request, f"{path}/versions/{number}")
        after, before = await self._site.database.read(lambda connection: self._load(connection, subject, wanted))
        if wants_yaml(request):
            return answer_yaml(after.document, after.number)
        differences = compare_definitions(before, after.document)
        content = write_version(after, differences) | {"document": after.document}
        return answer(content | {"differences": [write_difference(one) for one in differences]})

    async def show_differences(self, request: Request, path: str, older: Older = None, newer: Newer = None) -> Response:
        """What a version (the newest) says differently from another (the one before). As text, where Accept asks."""
        subject = await self._find(path)
        if subject is None:
            return await self._show(request, f"{path}/differences")
        to = subject.version if newer is None else newer
        start = max(0, to - 1) if older is None else older

        def load(connection: Connection) -> tuple[dict[str, Any], dict[str, Any]]:
            return self._document(connection, subject, start), self._document(connection, subject, to)

        before, after = await self._site.database.read(load)
        differences = compare_definitions(before, after)
        if "text/plain" in request.headers.get("accept", ""):
            return PlainTextResponse(write_differences(differences), headers={"Cache-Control": "no-store"})
        return answer({"from": start, "to": to, "items": [write_difference(one) for one in differences]})

    async def restore_version(
        self, request: Request, path: str, number: VersionNumber, reason: Reason = ""
    ) -> Response:
        """Say again what a version has said: that is a new version. `If-Match` as with every change."""
        wanted = _read_number(number)
        if wanted is None:
            raise NotFoundError(f"There is no version {number!r}.")
        await self._changes.restore(request, path, wanted, reason)
        return await self._show(request, path)

    async def _find(self, path: str) -> Subject | None:
        return await self._site.database.read(lambda connection: find_subject(connection, self._kind, path))

    def _load(self, connection: Connection, subject: Subject, number: int) -> tuple[Version, dict[str, Any]]:
        version = load_version(connection, self._kind, subject.id, number)
        return version, self._document(connection, subject, number - 1)

    def _document(self, connection: Connection, subject: Subject, number: int) -> dict[str, Any]:
        """What a version says; the one before the first says nothing."""
        return load_version(connection, self._kind, subject.id, number).document if number else {}


def _read_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _compare_each(versions: list[Version]) -> list[Any]:
    """What each changed against the next, which is older; the last one against nothing."""
    older: list[dict[str, Any]] = [one.document for one in versions[1:]]
    return [
        compare_definitions(old, one.document) for one, old in zip(versions, [*older, {}][: len(versions)], strict=True)
    ]
