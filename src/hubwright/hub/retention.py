"""Nothing grows without a bound: every hour, what is older than the settings allow goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from hubwright.domain.artifacts import artifact_key
from hubwright.hub.logs import Logs
from hubwright.storage import Storage
from hubwright.store import retention
from hubwright.store.database import Database

EVERY = 3600.0
"""Seconds between two rounds."""

DAY = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Keep:
    """Days for which things are kept; facts wait for these `reporters` besides."""

    deliveries: int
    facts: int
    logs: int
    artifacts: int
    builds: int
    reporters: tuple[str, ...] = ()


class Retention:
    """The drain of queue `retention`."""

    def __init__(
        self, database: Database, logs: Logs, storage: Storage, keep: Keep, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._logs = logs
        self._storage = storage
        self._keep = keep
        self._clock = clock

    def drain(self) -> float:
        """Drop all that is due; when to look again, Unix seconds."""
        now = self._clock()
        keep = self._keep
        self._repeat(partial(retention.delete_deliveries, before=now - keep.deliveries * DAY))
        self._repeat(partial(retention.delete_tasks, before=now - keep.facts * DAY))
        self._repeat(partial(retention.delete_facts, before=now - keep.facts * DAY, reporters=keep.reporters))
        self._repeat(partial(retention.delete_tokens, now=now))
        self._drop_artifacts(now)
        self._drop_logs(now - keep.logs * DAY)
        self._repeat(partial(retention.delete_builds, before=now - keep.builds * DAY))
        return now + EVERY

    def _repeat(self, portion: Callable[[Connection], int]) -> None:
        while self._database.write(portion):
            continue

    def _drop_artifacts(self, now: float) -> None:
        """Rows first: a file without a row is found by nobody, a row without a file would be a broken link."""
        work = partial(retention.delete_artifacts, before=now - self._keep.artifacts * DAY, now=now)
        while files := self._database.write(work):
            asyncio.run(self._delete_files(files))

    async def _delete_files(self, files: list[tuple[int, str]]) -> None:
        for run, path in files:
            await self._storage.delete(artifact_key(run, path))

    def _drop_logs(self, before: float) -> None:
        while True:
            with self._database.reading() as connection:
                runs = retention.load_old_logs(connection, before)
            if not runs:
                return
            for run in runs:
                self._logs.path(run).unlink(missing_ok=True)
            self._database.write(partial(retention.forget_logs, runs=runs))
