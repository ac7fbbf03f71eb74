"""`/artifacts/…` and `/download/latest`: files that builds kept. They come from builds, so no browser may run them."""

from __future__ import annotations

import mimetypes
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from hubwright.domain.artifacts import artifact_key
from hubwright.domain.scheduling import fits
from hubwright.errors import NotFoundError
from hubwright.store.views import load_builds
from hubwright.store.views_lists import load_artifact, load_artifacts
from hubwright.store.views_values import ArtifactView, BuildFilter, Page
from hubwright.web.api.answers import answer_page
from hubwright.web.api.documents import Documents, artifact_path
from hubwright.web.site import Site

Text = Annotated[str | None, Query(max_length=1024)]


class Artifacts:
    """The routes of artifacts."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._documents = Documents(site.public_url)

    def make_router(self) -> APIRouter:
        """The routes, for the site."""
        router = APIRouter(tags=["artifacts"])
        router.add_api_route("/artifacts/{sha}/{platform}/{path:path}", self.download, methods=["GET"])
        router.add_api_route("/download/latest", self.download_latest, methods=["GET"])
        return router

    async def download(self, request: Request, sha: str, platform: str, path: str) -> Response:
        """The newest file of this path that was kept for the commit on the platform."""
        found = await self._site.database.read(lambda connection: load_artifact(connection, sha, platform, path))
        headers = {
            "ETag": f'"{found.sha256}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.path.rpartition('/')[2], safe='')}",
            "Cache-Control": "no-cache",
        }
        if headers["ETag"] in {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}:
            return Response(None, 304, headers)
        size, content = await self._site.storage.get(artifact_key(found.run_id, found.path))
        kind = mimetypes.guess_type(found.path)[0] or "application/octet-stream"
        return StreamingResponse(content, 200, {**headers, "Content-Length": str(size)}, media_type=kind)

    async def download_latest(
        self,
        request: Request,
        job: Annotated[str, Query(max_length=400)],
        branch: Text = None,
        platform: Text = None,
        path: Text = None,
    ) -> Response:
        """The files of the job's newest good build (their ends are `path`): a redirect to the only one, or a list."""
        wanted = BuildFilter(job=job, branch=branch, state="finished", result="success")
        found = await self._site.database.read(lambda connection: _find_latest(connection, wanted, platform))
        chosen = tuple(each for each in found if path is None or each.path.endswith(path))
        if not chosen:
            raise NotFoundError("No successful build of this job kept such a file.")
        if len(chosen) == 1:
            return RedirectResponse(artifact_path(chosen[0]), 302, {"Cache-Control": "no-store"})
        return answer_page(request, Page(chosen), self._documents.artifact, self._site.public_url)


def _find_latest(connection: Connection, wanted: BuildFilter, platform: str | None) -> tuple[ArtifactView, ...]:
    """The files of the newest such build that has any, among the last twenty."""
    for build in load_builds(connection, wanted, 20).items:
        runs = [run.id for run in build.runs if platform is None or fits(platform, run.platform)]
        if runs and (found := load_artifacts(connection, runs)):
            return found
    return ()
