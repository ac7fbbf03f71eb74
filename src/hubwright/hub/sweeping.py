"""The storage stays within its bounds, and holds nothing that no row knows of: what a crash left behind goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

import structlog

from hubwright.domain.artifacts import STAGING, ArtifactRules, artifact_key
from hubwright.errors import StorageError
from hubwright.storage import Storage
from hubwright.store import caches, retention
from hubwright.store.database import Database

DAY = 86_400.0
"""Seconds between two looks through the storage, and the age from which a file without a row is a leftover."""

CACHES = "caches"
"""The folder of the storage that caches lie in."""

_BATCH = 500

log = structlog.get_logger()


class Sweeping:
    """What `hub.retention` calls every hour, from its thread."""

    def __init__(self, database: Database, storage: Storage, rules: ArtifactRules, clock: Callable[[], float]) -> None:
        self._database = database
        self._storage = storage
        self._rules = rules
        self._clock = clock
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
        for key in keys:
            try:
                await self._storage.delete(key)
            except StorageError as error:
                log.warning("file_not_deleted", key=key, error=str(error))

    async def _sweep(self) -> None:
        drafts = await self._storage.drop_drafts(self._clock() - DAY)
        if drafts:
            log.info("drafts_deleted", files=drafts)
        for folder, known in (("artifacts", self._known_artifacts), (CACHES, self._known_caches), (STAGING, _nothing)):
            batch: list[str] = []
            async for one in self._storage.list(folder):
                if one.modified < self._clock() - DAY:
                    batch.append(one.key)
                if len(batch) >= _BATCH:
                    await self._drop(batch, known)
                    batch = []
            await self._drop(batch, known)

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

    def _known_caches(self, keys: list[str]) -> set[str]:
        with self._database.reading() as connection:
            return caches.load_cache_keys(connection, keys)


def _nothing(_: list[str]) -> set[str]:
    """Direct uploads that were not ended within a day."""
    return set()
