"""What a build leaves, put where people look for it: `jobs/FOLDER/…/JOB/NUMBER/` in the storage.

It is done when a build has ended, and may be done again at any time: each file is written whole, artifacts are moved
from where they came in by naming another key in their row, and the document comes last, so that who finds it finds all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from hubwright.domain.build_files import DOCUMENT, LOG, TESTS, build_folder, name_files, run_folder
from hubwright.errors import NotFoundError, StorageError
from hubwright.hub.logs import Logs
from hubwright.storage import Storage
from hubwright.store import build_files
from hubwright.store.build_files import HeldFile
from hubwright.store.database import Database
from hubwright.store.documents import BuildDocuments
from hubwright.store.views import MAX_PAGE, load_whole_builds
from hubwright.store.views_results import CaseFilter, load_tests
from hubwright.store.views_values import BuildView, RunView

_PIECE = 256 * 1024


class Filing:
    """Files the builds of a hub. The storage is its own: each call has an event loop of its own."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        logs: Logs,
        public_url: str,
        bring: Callable[[int], bool] = lambda _run: True,
    ) -> None:
        """`bring` has a run's log brought here from another hub, in so far as there are any; it blocks."""
        self._database = database
        self._storage = storage
        self._logs = logs
        self._documents = BuildDocuments(public_url)
        self._bring = bring

    def keep(self, build_id: int) -> None:
        """Put everything of a build into its folder; one that is gone, or builds on, is left alone.

        Raises StorageError when the storage is away, or a log is not on this hub's disk.
        """
        failed = self.keep_all([build_id])
        if failed:
            raise failed[build_id]

    def keep_all(self, builds: Sequence[int]) -> dict[int, Exception]:
        """The same of several, at most `MAX_PAGE`, which is cheaper than one by one; what of them failed, by build."""
        with self._database.reading() as connection:
            ended = [one for one in load_whole_builds(connection, builds) if one.state == "finished"]
            held = build_files.load_files(connection, [run.id for one in ended for run in _runs(one)])
        return asyncio.run(self._keep_each(ended, held)) if ended else {}

    async def _keep_each(
        self, builds: Sequence[BuildView], held: Mapping[int, Sequence[HeldFile]]
    ) -> dict[int, Exception]:
        failed: dict[int, Exception] = {}
        for build in builds:
            try:
                for run in _runs(build):
                    self._bring(run.id)  # this loop has nothing else to do
                await self._keep(build, held)
            except Exception as error:  # noqa: BLE001  whose build it is tells it; the others go on
                failed[build.id] = error
        return failed

    async def _keep(self, build: BuildView, held: Mapping[int, Sequence[HeldFile]]) -> None:
        folder = build_folder(build.job, build.number)
        files = {}
        for run in _runs(build):
            files[str(run.id)] = await self._keep_run(folder, run, held.get(run.id, ()))
        document = {**self._documents.whole_build(build), "files": files}
        await self._storage.put_whole(f"{folder}/{DOCUMENT}", orjson.dumps(document, option=orjson.OPT_INDENT_2))
        missing = [run.id for run in _runs(build) if run.log_size and files[str(run.id)]["log"] is None]
        if missing:
            raise StorageError(f"The log of run {missing[0]} is not whole on this hub's disk.")

    async def _keep_run(self, folder: str, run: RunView, held: Sequence[HeldFile]) -> dict[str, Any]:
        """Where the run's files are, from the build's folder."""
        own, place = run_folder(folder, run.id), run_folder("", run.id).removeprefix("/")
        artifacts = await self._keep_artifacts(own, place, run.id, held)
        told: dict[str, Any] = {"log": None, "tests": None, "artifacts": artifacts}
        if 0 < run.log_size <= self._logs.size(run.id):
            await self._put_log(f"{own}/{LOG}", run)
            told["log"] = f"{place}/{LOG}"
        if run.tests is not None:
            await self._storage.put(f"{own}/{TESTS}", self._read_tests(run))
            told["tests"] = f"{place}/{TESTS}"
        return told

    async def _keep_artifacts(
        self, own: str, place: str, run_id: int, held: Sequence[HeldFile]
    ) -> list[dict[str, Any]]:
        names = name_files(file.path for file in held)
        told = []
        for file in held:
            name = f"artifacts/{names[file.path]}"
            if await self._move(run_id, file, f"{own}/{name}"):
                about = {"path": file.path, "size": file.size, "sha256": file.sha256}
                told.append({**about, "file": f"{place}/{name}"})
        return told

    async def _move(self, run_id: int, file: HeldFile, key: str) -> bool:
        """Have the content under `key`; whether it is there. The other copy is a leftover, which is swept."""
        if file.key == key:
            return True
        try:
            await self._storage.copy(file.key, key)
        except NotFoundError:
            return False
        return await asyncio.to_thread(
            self._database.write, partial(build_files.move_file, run_id=run_id, file=file, key=key)
        )

    async def _put_log(self, key: str, run: RunView) -> None:
        if run.log_size <= _PIECE:
            await self._storage.put_whole(key, self._logs.read(run.id, 0, run.log_size))
        else:
            await self._storage.put(key, self._read_log(run))

    async def _read_log(self, run: RunView) -> AsyncIterator[bytes]:
        for start in range(0, run.log_size, _PIECE):
            yield self._logs.read(run.id, start, min(_PIECE, run.log_size - start))

    async def _read_tests(self, run: RunView) -> AsyncIterator[bytes]:
        """The test cases as the API has them, an array with one case a line."""
        cursor: int | None = None
        between = b"[\n"
        while True:
            with self._database.reading() as connection:
                page = load_tests(connection, run.id, CaseFilter(), MAX_PAGE, cursor)
            for case in page.items:
                yield between + orjson.dumps(case)
                between = b",\n"
            if not isinstance(page.next, int):
                break
            cursor = page.next
        yield b"\n]\n" if between != b"[\n" else b"[]\n"


def _runs(build: BuildView) -> tuple[RunView, ...]:
    """All its runs, those that newer attempts replaced first."""
    return (*build.earlier, *build.runs)
