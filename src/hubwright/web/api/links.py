"""`/api/v1/links`: which job the pull requests and branches of a repository have copies of."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Path, Query
from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import Response

from hubwright.domain.job_copies import EVERYTHING, CopyKind
from hubwright.domain.refs import check_owner, check_repository
from hubwright.domain.repos import Repository
from hubwright.errors import NotFoundError, UnprocessableError
from hubwright.hub.links import link, unlink
from hubwright.store.definitions import Subject, find_subject
from hubwright.store.links import KeptLink, load_all_links, load_link
from hubwright.store.reach import names_below
from hubwright.store.repos import find_repository
from hubwright.store.versions import Change, Kind
from hubwright.store.views_values import Page
from hubwright.web.api.answers import Cursor, Limit, answer, answer_page
from hubwright.web.api.bodies import convert, read_object
from hubwright.web.api.definition_documents import write_link
from hubwright.web.api.definition_examples import LINK, LINKS, PUT_LINK
from hubwright.web.askers import Asker, folders_of, lies_below
from hubwright.web.gate import Gate
from hubwright.web.routes import Routes
from hubwright.web.site import Site

MAX_GLOBS = 64
"""Globs of a link."""

_MAX_GLOB = 200
_ADDRESS = "/{owner}/{repo}/{kind}"

Folders = tuple[str, ...] | None
"""What bounds who asks."""

Place = tuple[str, str, CopyKind]
"""Owner and name of a repository, and what of it is linked."""

Owner = Annotated[str, Path(max_length=100)]
Repo = Annotated[str, Path(max_length=100)]


class LinkBody(msgspec.Struct):
    """A link as it is PUT: the path of the job, and globs of the branches, or of those that pull requests go into."""

    job: str
    globs: list[str] = msgspec.field(default_factory=lambda: list(EVERYTHING))


class Links:
    """The routes of links."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def make_router(self) -> Routes:
        """The routes, for the API."""
        router = Routes(prefix="/links", tags=["jobs"])
        router.add_api_route("", self.list_links, methods=["GET"], openapi_extra=LINKS)
        router.add_api_route(_ADDRESS, self.show_link, methods=["GET"], openapi_extra=LINK)
        router.add_api_route(_ADDRESS, self.put_link, methods=["PUT"], openapi_extra=PUT_LINK)
        router.add_api_route(_ADDRESS, self.remove_link, methods=["DELETE"], status_code=204)
        return router

    async def list_links(
        self,
        request: Request,
        job: Annotated[str, Query(max_length=400, description="Only those to the job at this path.")] = "",
        limit: Limit = 200,
        cursor: Cursor = None,
    ) -> Response:
        """Links, the newest first."""
        folders = folders_of(request)

        def load(connection: Connection) -> Page[KeptLink]:
            number = _find_job(connection, job.strip("/"), folders).id if job else None
            return load_all_links(connection, limit, cursor, number, folders)

        page = await self._site.database.read(load)
        return answer_page(request, page, write_link, self._site.public_url)

    async def show_link(self, request: Request, owner: Owner, repo: Repo, kind: CopyKind) -> Response:
        """Which job a repository's pull requests, or branches, have copies of."""
        folders = folders_of(request)
        return answer(await self._site.database.read(lambda found: _show(found, f"{owner}/{repo}", kind, folders)))

    async def put_link(self, request: Request, owner: Owner, repo: Repo, kind: CopyKind) -> Response:
        """Link them to a job: `{"job": "team/app", "globs": ["**", "!wip/*"]}`, instead of any before; 201 when new.

        The repository may be another than the job's own; with a token that has folders, only one that a job below these
        has.
        """
        asker = await self._gate.require(request, "write")
        wanted = convert(await read_object(request), LinkBody)
        name, new = await self.keep(asker, (owner, repo, kind), wanted)
        shown = await self._site.database.read(lambda connection: _show(connection, name, kind, asker.folders))
        return answer(shown, 201 if new else 200, {"Location": f"/api/v1/links/{name}/{kind.value}"})

    async def keep(self, asker: Asker, place: Place, wanted: LinkBody) -> tuple[str, bool]:
        """Link what is at (owner, repo, kind) to a job, for who may: the repository's name, and whether it is new."""
        owner, repo, kind = place
        globs = _check_globs(wanted.globs)
        name = f"{check_owner(owner)}/{check_repository(repo)}"

        def keep(connection: Connection) -> bool:
            target = _find_job(connection, wanted.job.strip("/"), asker.folders)
            if target.copy_of is not None:
                raise UnprocessableError(
                    f"{target.path} is a copy itself: link to the job that it is a copy of.", "/job"
                )
            known = _find_repository(connection, name)
            _find_link(connection, known, kind, asker.folders)
            if asker.folders is not None and not names_below(connection, asker.folders, name, None):
                raise NotFoundError(f"No job below your folders has the repository {name}.")
            return link(connection, known, kind, target, globs, Change(asker.name, self._site.clock()))

        new = await self._site.database.write_soon(keep)
        self._site.wake("facts")
        return name, new

    async def remove_link(self, request: Request, owner: Owner, repo: Repo, kind: CopyKind) -> Response:
        """Link them to no job any more; the copies that there are stay."""
        asker = await self._gate.require(request, "write")
        await self.remove(asker, (owner, repo, kind))
        return Response(status_code=204)

    async def remove(self, asker: Asker, place: Place) -> None:
        """End the link of (owner, repo, kind), for who may. Raises NotFoundError."""
        owner, repo, kind = place

        def drop(connection: Connection) -> bool:
            known = _find_repository(connection, f"{owner}/{repo}")
            _find_link(connection, known, kind, asker.folders)
            return unlink(connection, known, kind, Change(asker.name, self._site.clock()))

        if not await self._site.database.write_soon(drop):
            raise NotFoundError(_no_link(owner, repo, kind))
        self._site.wake("facts")


def _show(connection: Connection, name: str, kind: CopyKind, folders: Folders) -> dict[str, object]:
    repository = _find_repository(connection, name)
    found = _find_link(connection, repository, kind, folders)
    if found is None:
        raise NotFoundError(_no_link(repository.owner, repository.name, kind))
    return write_link(found)


def _find_link(connection: Connection, repository: Repository, kind: CopyKind, folders: Folders) -> KeptLink | None:
    """The link; None where there is none. Raises NotFoundError when it is to a job that lies elsewhere."""
    found = load_link(connection, repository, kind)
    if found is not None and folders is not None and not lies_below(found.job, folders):
        raise NotFoundError(_no_link(repository.owner, repository.name, kind))
    return found


def _no_link(owner: str, repo: str, kind: CopyKind) -> str:
    return (
        f"The {kind.value.replace('_', ' ')}{'es' if kind is CopyKind.BRANCH else 's'} of {owner}/{repo} have no link."
    )


def _find_job(connection: Connection, path: str, folders: Folders) -> Subject:
    found = find_subject(connection, Kind.JOB, path)
    if found is None or "~" in path or not (folders is None or lies_below(path, folders)):
        raise NotFoundError(f"There is no job {path!r}.")
    return found


def _find_repository(connection: Connection, name: str) -> Repository:
    """The repository with this name, with GitHub's number where that is known."""
    owner, _, repo = name.partition("/")
    number = connection.execute(select(find_repository(name))).scalar()
    return Repository(id=number, owner=owner, name=repo)


def _check_globs(globs: list[str]) -> list[str]:
    """Raises UnprocessableError."""
    if not 1 <= len(globs) <= MAX_GLOBS:
        raise UnprocessableError(f"globs: 1 to {MAX_GLOBS} are expected; `**` is any branch.", "/globs")
    for glob in globs:
        if not glob.strip("!") or len(glob) > _MAX_GLOB or not glob.isprintable() or " " in glob:
            raise UnprocessableError(f"globs: {glob[:80]!a} is no name or glob of branches.", "/globs")
    return globs
