"""`/download/latest` and `/api/v1/downloads`: the newest good files of a job, and how far they lie behind."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hubwright.errors import NotFoundError
from hubwright.store.downloads import DownloadView, load_downloads
from hubwright.store.views_values import ArtifactView, Page
from hubwright.web.api.answers import answer, answer_page, moment
from hubwright.web.api.documents import Documents
from hubwright.web.routes import Routes
from hubwright.web.site import Site

Job = Annotated[str, Query(max_length=400, description="The path of a job.")]
Branch = Annotated[str | None, Query(max_length=1024, description="The default branch without it.")]
Platform = Annotated[str | None, Query(max_length=1024, description="A platform or a glob; any without it.")]
Glob = Annotated[str | None, Query(max_length=1024, description="A glob, or how the path ends: `dist/*.zip`, `.zip`.")]


class Downloads:
    """The routes of downloads."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._documents = Documents(site.public_url)

    def make_router(self) -> Routes:
        """The routes, for the site."""
        router = Routes(tags=["artifacts"])
        router.add_api_route("/download/latest", self.download_latest, methods=["GET"])
        router.add_api_route("/api/v1/downloads", self.list_downloads, methods=["GET"])
        return router

    async def download_latest(
        self, request: Request, job: Job, branch: Branch = None, platform: Platform = None, path: Glob = None
    ) -> Response:
        """The newest good files of a job, on each platform of the name or glob: a redirect to the only one, or a list.

        Without a branch the default one is meant. Builds of forks are left out.
        """
        views = await self._load(job, branch, platform, path)
        chosen: tuple[ArtifactView, ...] = tuple(file for view in views for file in view.files)
        if not chosen:
            raise NotFoundError("No successful build of this job kept such a file.")
        if len(chosen) == 1:
            place = self._documents.artifact(chosen[0])["run_url"].removeprefix(self._site.public_url.rstrip("/"))
            return RedirectResponse(place, 302, {"Cache-Control": "no-store"})
        return answer_page(request, Page(chosen), self._documents.artifact, self._site.public_url)

    async def list_downloads(
        self, job: Job, branch: Branch = None, platform: Platform = None, path: Glob = None
    ) -> Response:
        """For each platform the newest good build with files, and how many builds and seconds it lies behind."""
        views = await self._load(job, branch, platform, path)
        return answer({"items": [self._write(view) for view in views], "next": None})

    async def _load(
        self, job: str, branch: str | None, platform: str | None, path: str | None
    ) -> tuple[DownloadView, ...]:
        return await self._site.database.read(
            lambda connection: load_downloads(connection, job, branch, platform, path)
        )

    def _write(self, view: DownloadView) -> dict[str, Any]:
        return {
            "platform": view.platform,
            "build": view.build,
            "number": view.number,
            "run": view.run,
            "sha": view.sha,
            "branch": view.branch,
            "built_at": moment(view.built_at),
            "behind": view.behind,
            "seconds_behind": view.seconds_behind,
            "newest": {"number": view.newest_number, "sha": view.newest_sha},
            "files": [self._documents.artifact(file) for file in view.files],
        }
