"""`/api/v1/builds/{id}/artifacts.zip`: all that a build kept in one archive, made while it is sent."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import Query
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from hubwright.domain.archive import Archive
from hubwright.domain.artifacts import artifact_key
from hubwright.domain.wording import word_size
from hubwright.errors import NotFoundError, StorageError, TooLargeError
from hubwright.store.downloads import load_artifact_of_run
from hubwright.store.views import load_build
from hubwright.store.views_files import KeptView, load_kept, load_packed
from hubwright.store.views_values import ArtifactView, BuildView
from hubwright.web.api.answers import Number
from hubwright.web.api.artifacts import disposition
from hubwright.web.routes import Routes
from hubwright.web.site import Site

MAX_PACKED = 20_000
"""Files of one archive."""

_ODD = re.compile(r"[^\w.+=-]+")

RunNumber = Annotated[int | None, Query(ge=1, lt=2**63, description="Only what this run kept.")]
FolderName = Annotated[str, Query(max_length=1000, description="Only what lies below this folder of a run.")]


class Archives:
    """The route of archives."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def make_router(self) -> Routes:
        """The route, for the API."""
        router = Routes(prefix="/builds", tags=["artifacts"])
        router.add_api_route("/{build_id}/artifacts.zip", self.pack, methods=["GET"])
        return router

    async def pack(self, build_id: Number, run: RunNumber = None, folder: FolderName = "") -> Response:
        """All files of a build's newest attempts as one .zip, or those of one run, or of one folder in each.

        Of several runs each has a folder. More files than 20,000, or more bytes than `ARTIFACTS__ZIP`, are refused with
        413: take a run or a folder. A file that can't be read ends the answer before its end; no archive misses one
        silently.
        """

        def load(connection: Connection) -> tuple[BuildView, dict[int, str], tuple[ArtifactView, ...]]:
            build = load_build(connection, build_id)
            known = {each.id for each in ((*build.runs, *build.earlier) if run is not None else build.runs)}
            kept = [one for one in load_kept(connection, build_id) if one.run_id in known and run in {None, one.run_id}]
            packed = load_packed(connection, [one.run_id for one in kept], folder.strip("/"), MAX_PACKED + 1)
            return build, name_folders(kept), packed

        build, folders, files = await self._site.database.read(load)
        if not files:
            raise NotFoundError("The build has kept no such files, or they have expired.")
        whole, most = sum(file.size for file in files), self._site.artifacts.zip_size
        if len(files) > MAX_PACKED or whole > most:
            raise TooLargeError(
                f"These are {len(files):,} files of {word_size(whole)}; an archive has {MAX_PACKED:,} files of "
                f"{word_size(most)} at most: take one run or folder of the build (`?run=`, `?folder=`)."
            )
        first = await self._open(files[0])  # while it can still be answered that the storage is away, or lost all
        name = f"{_ODD.sub('-', build.job).strip('-')}-{build.number}.zip"
        headers = {
            "Content-Disposition": disposition(name),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "no-store",
        }
        return StreamingResponse(self._stream(files, folders, first), headers=headers, media_type="application/zip")

    async def _stream(
        self, files: Sequence[ArtifactView], folders: dict[int, str], first: tuple[int, AsyncIterator[bytes]]
    ) -> AsyncIterator[bytes]:
        archive = Archive()
        try:
            for file in files:
                size, content = first if file is files[0] else await self._open(file)
                if size != file.size:
                    raise StorageError(f"{file.path} is not whole any more.")
                yield archive.begin(folders[file.run_id] + file.path, file.size, file.kept_at)
                async for part in content:
                    yield archive.add(part)
            yield archive.finish()
        finally:
            archive.finish()

    async def _open(self, file: ArtifactView) -> tuple[int, AsyncIterator[bytes]]:
        """Size and content; a file that was moved meanwhile, as it is when its build ends, is looked for again."""
        storage = self._site.storage
        try:
            return await storage.get(artifact_key(file.run_id, file.path, file.key))
        except NotFoundError:
            now = await self._site.database.read(
                lambda connection: load_artifact_of_run(connection, file.run_id, file.path)
            )
            return await storage.get(artifact_key(now.run_id, now.path, now.key))


def name_folders(kept: Sequence[KeptView]) -> dict[int, str]:
    """The folder of each run in an archive, with a slash; none where there is but one run, and no name twice."""
    if len(kept) == 1:
        return {kept[0].run_id: ""}
    names = {one.run_id: _ODD.sub("_", "-".join([one.platform, *one.matrix.values()]))[:80].strip(".-") for one in kept}
    known = [name.casefold() for name in names.values()]
    return {
        number: f"{name}/" if name and known.count(name.casefold()) == 1 else f"{name or 'run'}-{number}/"
        for number, name in names.items()
    }
