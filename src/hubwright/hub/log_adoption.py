"""Logs of a time when there was one hub: they lie in its folder, and are sealed as those of today, a portion at a time.

So are those that `hubwright db move` has carried. What is sealed leaves the folder, so that a start finds only what is
left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import structlog

from hubwright.errors import NotFoundError, StorageError
from hubwright.hub.log_seals import AGAIN, seal_keys
from hubwright.hub.logs import Logs
from hubwright.storage import Storage
from hubwright.store.database import Database
from hubwright.store.log_places import adopt_logs, load_homeless

PORTION = 200
"""Files that are looked at in one go."""

PAUSE = 0.5
"""Seconds between two portions: nobody waits for this."""

log = structlog.get_logger(__name__)


class LogAdoption:
    """The drain of queue `adoption`; the storage is its own. The drain of `seals` finds soon what it adopts."""

    def __init__(self, database: Database, storage: Storage, logs: Logs, clock: Callable[[], float]) -> None:
        self._database = database
        self._storage = storage
        self._logs = logs
        self._clock = clock
        self._files: Iterator[int] | None = None
        self._done = False

    def drain(self) -> float | None:
        """Look at the next portion; when the one after it is due, None when all is done."""
        if self._done:
            return None
        if self._files is None:
            self._files = find_logs(self._logs.root)
        portion = list(islice(self._files, PORTION))
        if not portion:
            self._done = True
            return None
        try:
            self._adopt(portion)
        except StorageError as error:
            log.warning("logs_not_adopted", error=str(error))
            self._files = None  # from the beginning
            return self._clock() + AGAIN
        return self._clock() + PAUSE

    def _adopt(self, numbers: list[int]) -> None:
        """Raises StorageError."""
        with self._database.reading() as connection:
            homeless = load_homeless(connection, numbers)
        ours = [run for run in homeless if not asyncio.run(self._is_sealed(run))]
        if ours:
            self._database.write(partial(adopt_logs, numbers=ours, place=self._logs.place))
            log.info("logs_adopted", logs=len(ours))

    async def _is_sealed(self, run: int) -> bool:
        """By another hub, to which its builder went: what lies here is a part of it."""
        try:
            await self._storage.size(seal_keys(run)[0])
        except NotFoundError:
            return False
        return True


def find_logs(root: Path) -> Iterator[int]:
    """The runs whose logs lie in this folder, in no order; copies are elsewhere."""
    for folder in _look_into(root):
        if folder.name.isdecimal():
            for path in _look_into(folder):
                if path.suffix == ".log" and path.stem.isdecimal():
                    yield int(path.stem)


def _look_into(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
