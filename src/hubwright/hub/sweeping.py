"""The storage stays within its bounds, and holds nothing that no row knows of: what a crash left behind goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from itertools import islice

import structlog

from hubwright.domain.artifacts import STAGING, ArtifactRules, artifact_key
from hubwright.domain.build_files import ROOT
from hubwright.errors import StorageError
from hubwright.hub.log_seals import SEALED
from hubwright.storage import Storage
from hubwright.store import build_files, caches, retention
from hubwright.store.database import Database

DAY = 86_400.0
"""Seconds between two looks through the storage, and the age from which a file without a row is a leftover."""

CACHES = "caches"
"""The folder of the storage that caches lie in."""

GRACE = 5.0
"""Seconds after which files of builds are looked for once more: one may be about to be named by its row."""

_BATCH = 500

_LISTED = 8
"""Folders that are listed at once: a store far away answers each after a while."""

_DOUBTFUL = 20_000
"""Keys that are remembered at most, until they are looked for once more."""

log = structlog.get_logger()


class Sweeping:
    """What `hub.retention` calls every hour, from its thread."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        rules: ArtifactRules,
        clock: Callable[[], float],
        *,
        refile: Callable[[int], None] | None = None,
        grace: float = GRACE,
    ) -> None:
        self._database = database
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._refile = refile
        self._grace = grace
        self._swept_at = 0.0

    def drain(self) -> None:
        """Bound artifacts and caches; once a day look for leftovers. A storage that is away is left for later."""
        while self._rules.total is not None and (
            keys := self._database.write(partial(retention.drop_surplus, total=self._rules.total))
        ):
            asyncio.run(self.delete(keys))
        while keys := self._database.write(partial(caches.evict_caches, total=self._rules.cache_total)):
            asyncio.run(self.delete(keys))
        if self._clock() - self._swept_at >= DAY:
            try:
                asyncio.run(self._sweep())
                self._swept_at = self._clock()
            except StorageError as error:
                log.warning("storage_not_swept", error=str(error))

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete files whose rows are gone; what can't be deleted now is a leftover for a later day."""
        waiting = iter(keys)
        while some := list(islice(waiting, _BATCH)):
            try:
                await self._delete(some)
            except StorageError as error:
                log.warning("files_not_deleted", files=len(some), first=some[0], error=str(error))

    async def _delete(self, keys: Sequence[str]) -> None:
        """All in one request; one by one where a store knows no such request, or refuses one of them."""
        try:
            await self._storage.delete_all(keys)
        except StorageError:
            for key in keys:
                await self._storage.delete(key)

    async def delete_folders(self, folders: Iterable[str]) -> None:
        """Delete the folders of builds that are gone, with all that is in them; as `delete`."""
        gate = asyncio.Semaphore(_LISTED)

        async def find(folder: str) -> list[str]:
            async with gate:
                return [one.key async for one in self._storage.list(folder)]

        try:
            found = await asyncio.gather(*map(find, folders))
        except StorageError as error:
            log.warning("folders_not_deleted", error=str(error))
            return
        await self.delete(key for keys in found for key in keys)

    async def _sweep(self) -> None:
        drafts = await self._storage.drop_drafts(self._clock() - DAY)
        if drafts:
            log.info("drafts_deleted", files=drafts)
        for folder, known in (
            ("artifacts", self._known_artifacts),
            (CACHES, self._known_caches),
            (STAGING, _nothing),
            (SEALED, self._known_logs),
        ):
            async for keys in self._list_old(folder):
                await self._drop(keys, known)
        await self._sweep_builds()

    async def _list_old(self, folder: str) -> AsyncIterator[list[str]]:
        """The keys of a folder that are a day old, in portions."""
        batch: list[str] = []
        async for one in self._storage.list(folder):
            if one.modified < self._clock() - DAY:
                batch.append(one.key)
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        yield batch

    async def _sweep_builds(self) -> None:
        """Builds whose job has another path by now are filed there first; then what no build has goes."""
        doubtful: list[str] = []
        async for keys in self._list_old(ROOT):
            doubtful += await self._find_doubtful(keys)
            if len(doubtful) >= _DOUBTFUL:
                await self._drop_doubtful(doubtful)
                doubtful = []
        await self._drop_doubtful(doubtful)

    async def _find_doubtful(self, keys: list[str]) -> set[str]:
        """Those that no build has; of one that can't be filed at its new place all stay for now."""
        with self._database.reading() as connection:
            misplaced = build_files.find_misplaced(connection, keys)
        waiting = [lies for build, lies in misplaced.items() if not await self._file_again(build)]
        return set(keys) - self._known_build_files(keys) - set().union(*waiting)

    async def _drop_doubtful(self, doubtful: list[str]) -> None:
        if doubtful:
            await asyncio.sleep(self._grace)
        for start in range(0, len(doubtful), _BATCH):
            await self._drop(doubtful[start : start + _BATCH], self._known_build_files)

    async def _file_again(self, build: int) -> bool:
        """Whether it was, or nothing is filed any more."""
        if self._refile is not None:
            try:
                await asyncio.to_thread(self._refile, build)
            except StorageError as error:
                log.warning("build_not_filed", build=build, error=str(error))
                return False
        return True

    async def _drop(self, keys: list[str], known: Callable[[list[str]], set[str]]) -> None:
        leftovers = set(keys) - known(keys)
        if leftovers:
            log.info("leftovers_deleted", files=len(leftovers))
            await self.delete(leftovers)

    def _known_artifacts(self, keys: list[str]) -> set[str]:
        numbers = {key.split("/")[1] for key in keys}
        runs = [int(number) for number in numbers if number.isascii() and number.isdigit()]
        with self._database.reading() as connection:
            rows = retention.load_files_of(connection, runs)
        return {artifact_key(run, path, key) for run, path, key in rows}

    def _known_build_files(self, keys: list[str]) -> set[str]:
        with self._database.reading() as connection:
            return build_files.find_known(connection, keys)

    def _known_logs(self, keys: list[str]) -> set[str]:
        runs = {key: key.rpartition("/")[2].partition(".")[0] for key in keys}
        numbers = [int(run) for run in runs.values() if run.isascii() and run.isdigit()]
        with self._database.reading() as connection:
            there = retention.find_runs(connection, numbers)
        return {key for key, run in runs.items() if run.isascii() and run.isdigit() and int(run) in there}

    def _known_caches(self, keys: list[str]) -> set[str]:
        with self._database.reading() as connection:
            return caches.load_cache_keys(connection, keys)


def _nothing(_: list[str]) -> set[str]:
    """Direct uploads that were not ended within a day."""
    return set()
