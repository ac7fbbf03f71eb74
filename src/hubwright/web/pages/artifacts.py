"""`/builds/{id}/artifacts`: what a build kept, folder by folder, to look at, to download and to check."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hubwright.domain.showing import is_worth_a_look
from hubwright.errors import NotFoundError
from hubwright.store.views import load_build
from hubwright.store.views_files import KeptView, Listing, load_kept, load_listing
from hubwright.store.views_values import BuildView, RunView
from hubwright.web.kept import KeptFiles
from hubwright.web.pages.frame import Frame
from hubwright.web.pages.jobs import read_number

AT_ONCE = 200
"""Entries of a folder on one page."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the page shows: the runs that kept files, the one that is looked at, and a part of one of its folders."""

    build: BuildView
    kept: tuple[KeptView, ...]
    chosen: KeptView | None
    folder: str
    listing: Listing | None
    page: int

    @property
    def above(self) -> list[tuple[str, str]]:
        """Each folder on the way here: its name and path."""
        parts = self.folder.split("/") if self.folder else []
        return [(part, "/".join(parts[: place + 1])) for place, part in enumerate(parts)]

    @property
    def pages(self) -> int:
        """Pages that the folder has."""
        return -(-self.listing.total // AT_ONCE) if self.listing is not None else 1

    def address(self, run: int, folder: str = "", page: int = 1) -> str:
        """Where a folder of a run is shown."""
        named = {"run": run} | ({"folder": folder} if folder else {}) | ({"page": page} if page > 1 else {})
        return f"/builds/{self.build.id}/artifacts?{urlencode(named)}"

    def latest(self, path: str) -> str | None:
        """Where the newest good file of this path is; None of builds that are none of a branch's own."""
        build = self.build
        if build.branch is None or build.pull_request is not None or self.chosen is None:
            return None
        named = {"job": build.job, "branch": build.branch, "platform": self.chosen.platform, "path": path}
        return f"/download/latest?{urlencode(named)}"


class ArtifactPages:
    """The page, and the door to a file that is looked at."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._files = KeptFiles(frame.site)

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/builds/{id:int}/artifacts", self._frame.guard(self.show)),
            Route("/builds/{id:int}/look/{run:int}/{path:path}", self._frame.guard(self.look)),
            *self._files.routes(),
        ]

    async def show(self, request: Request) -> Response:
        """`GET /builds/{id}/artifacts?run=&folder=&page=`."""
        build_id: int = request.path_params["id"]
        run, page = read_number(request, "run"), max(read_number(request, "page") or 1, 1)
        folder = request.query_params.get("folder", "").strip("/")
        shelf = await self._frame.site.database.read(
            lambda connection: _load_shelf(connection, build_id, run, folder, page)
        )
        looks = self._frame.site.signing_key is not None
        return self._frame.show(
            request,
            "artifacts.html",
            shelf=shelf,
            build=shelf.build,
            can_look=lambda path: looks and is_worth_a_look(path),
        )

    async def look(self, request: Request) -> Response:
        """`GET /builds/{id}/look/{run}/{path}`: to where the file is shown, if the run is one of this build."""
        run: int = request.path_params["run"]
        build = await self._frame.site.database.read(
            lambda connection: load_build(connection, request.path_params["id"])
        )
        if run not in {each.id for each in _all_runs(build)}:
            raise NotFoundError(f"Build {build.id} has no run {run}.")
        return RedirectResponse(
            await self._files.make_address(run, request.path_params["path"]),
            302,
            {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
        )


def _load_shelf(connection: Connection, build_id: int, run: int | None, folder: str, page: int) -> Shelf:
    build = load_build(connection, build_id)
    kept = load_kept(connection, build_id)
    chosen = next((one for one in kept if one.run_id == run), None)
    if run is not None and chosen is None:
        known = any(each.id == run for each in _all_runs(build))
        raise NotFoundError(f"Run {run} has kept no files." if known else f"Build {build.id} has no run {run}.")
    if chosen is None and len(kept) == 1:
        chosen = kept[0]
    listing = None
    if chosen is not None:
        listing = load_listing(connection, chosen.run_id, folder, (page - 1) * AT_ONCE, AT_ONCE)
        if not listing.total:
            raise NotFoundError(f"Run {chosen.run_id} has no folder {folder!r}.")
    return Shelf(build, kept, chosen, folder if chosen is not None else "", listing, page)


def _all_runs(build: BuildView) -> tuple[RunView, ...]:
    return (*build.runs, *build.earlier)
