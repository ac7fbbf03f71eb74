"""Logs of ended runs, put into the object store, where every hub finds them and no hub's disk is needed any more.

Which logs are due is a column of their rows, so that a crash or a store that is away delays and loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

import structlog

from hubwright.errors import StorageError
from hubwright.hub.logs import Logs
from hubwright.storage import Storage
from hubwright.store.database import Database
from hubwright.store.log_places import PORTION, keep_sealed, load_unsealed

SEALED = "run-logs"
"""The folder of the object store."""

AGAIN = 15.0
"""Seconds until a store that was away is tried again."""

_BLOCK = 256 * 1024

log = structlog.get_logger(__name__)


def seal_keys(run: int) -> tuple[str, str]:
    """The keys of a run's log, and of when its bytes came."""
    folder = f"{SEALED}/{run // 1000}/{run}"
    return f"{folder}.log", f"{folder}.times"


class LogSeals:
    """The drain of queue `seals`. `on_sealed` is told of each run, in the drain's thread; the storage is its own."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        logs: Logs,
        clock: Callable[[], float],
        on_sealed: Callable[[int], None] = lambda _run: None,
    ) -> None:
        self._database = database
        self._storage = storage
        self._logs = logs
        self._clock = clock
        self._on_sealed = on_sealed

    def drain(self) -> float | None:
        """Seal all that is due; when to look again."""
        more = True
        while more:
            runs = self._load()
            more = len(runs) == PORTION
            if runs and (error := self._seal(runs)) is not None:
                log.warning("logs_not_sealed", error=str(error))
                return self._clock() + AGAIN
        return None

    def _load(self) -> list[int]:
        with self._database.reading() as connection:
            return load_unsealed(connection, self._logs.place)

    def _seal(self, runs: Sequence[int]) -> StorageError | None:
        """In their order; what the store says where it stops taking them."""
        sealed, error = asyncio.run(self._put_each(runs))
        if sealed:
            self._database.write(partial(keep_sealed, numbers=list(sealed), place=self._logs.place))
        for run, size in sealed.items():
            if size:
                self._on_sealed(run)
        return error

    async def _put_each(self, runs: Sequence[int]) -> tuple[dict[int, int], StorageError | None]:
        """The sizes of those that are sealed. A run that said nothing has nothing to seal."""
        sealed: dict[int, int] = {}
        try:
            for run in runs:
                size = self._logs.size(run)
                if size:
                    await self._put(run, size)
                sealed[run] = size
        except StorageError as error:
            return sealed, error
        return sealed, None

    async def _put(self, run: int, size: int) -> None:
        log_key, times_key = seal_keys(run)
        times, _ = self._logs.read_times(run, 0, 0)
        if times:
            await self._put_file(times_key, self._logs.path(run).with_suffix(".times"), times)
        await self._put_file(log_key, self._logs.path(run), size)

    async def _put_file(self, key: str, path: Path, size: int) -> None:
        if size > _BLOCK:
            await self._storage.put(key, _read_file(path, size))
            return
        with path.open("rb") as file:
            await self._storage.put_whole(key, file.read(size))


async def _read_file(path: Path, size: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while size and (block := file.read(min(_BLOCK, size))):
            size -= len(block)
            yield block
