"""`/admin/links`: which job the pull requests and branches of a repository have copies of."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.job_copies import EVERYTHING, CopyKind
from hubwright.errors import UnprocessableError
from hubwright.store.links import load_all_links
from hubwright.web.api.links import LinkBody, Links, Place
from hubwright.web.pages.forms import need, read_fields, split_words
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

_LINKS = 100
KINDS = {CopyKind.PULL_REQUEST: "pull requests", CopyKind.BRANCH: "branches"}


class LinkPages:
    """For the role `write`, as in the API."""

    def __init__(self, frame: Frame, links: Links) -> None:
        self._frame = frame
        self._links = links

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route("/admin/links", self.show),
            Route("/admin/links", self.keep, methods=["POST"]),
            Route("/admin/links/remove", self.remove, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /admin/links?before=`; `repo`, `kind`, `job` and `globs` fill the form."""
        request.state.asker = asker = await self._frame.require(request, "write")
        cursor = read_number(request, "before")
        page = await self._frame.site.database.read(
            lambda connection: load_all_links(connection, _LINKS, cursor, None, asker.folders)
        )
        filled = {name: request.query_params.get(name, "")[:400] for name in ("repo", "kind", "job", "globs")}
        return self._frame.show(request, "links.html", page=page, kinds=KINDS, filled=filled)

    async def keep(self, request: Request) -> Response:
        """`POST /admin/links`."""
        asker = await self._frame.require(request, "write")
        fields = await read_fields(request)
        globs = list(split_words(fields.get("globs", ""))) or list(EVERYTHING)
        await self._links.keep(asker, _read_place(fields), LinkBody(job=need(fields, "job"), globs=globs))
        return RedirectResponse("/admin/links", 303)

    async def remove(self, request: Request) -> Response:
        """`POST /admin/links/remove`; the copies that there are stay."""
        asker = await self._frame.require(request, "write")
        await self._links.remove(asker, _read_place(await read_fields(request)))
        return RedirectResponse("/admin/links", 303)


def _read_place(fields: Mapping[str, str]) -> Place:
    owner, slash, name = need(fields, "repo").partition("/")
    if not slash:
        raise UnprocessableError("repo: a repository such as OWNER/NAME is expected.", "/repo")
    try:
        return owner, name, CopyKind(fields.get("kind", ""))
    except ValueError as error:
        raise UnprocessableError(f"kind: one of {', '.join(CopyKind)} is expected.", "/kind") from error
