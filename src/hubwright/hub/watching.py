"""Places that are looked at again and again, each as a row under a lease, so that one look goes on in one process.

A look that a limit or a failure stops goes on where it was, later and later while it fails; no other waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.backoff import backoff
from hubwright.errors import GitHubRefusedError, HubwrightError, RateLimitedError
from hubwright.hub.lanes import Lanes
from hubwright.hub.leases import LeaseKeeper
from hubwright.store import healing, queues
from hubwright.store.database import Database
from hubwright.store.schema import watch
from hubwright.store.writers import is_outage

LEASE = 30.0
BATCH = 8

PLACES_EVERY = 10.0
"""Seconds between two looks for places that are new to the hub."""

logger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What came of a look: what is remembered, when all was seen, when the next is due, what is to be written."""

    told: Mapping[str, Any]
    looked_at: float | None
    due: float
    note: str | None = None
    keep: Callable[[Connection, float], None] | None = None


Look = Callable[[Row[Any], dict[str, Any]], Looked]
"""Looks at what a held watch is about. What it notes in `told` is remembered also when it raises HubwrightError."""

Find = Callable[[Connection], Sequence[tuple[str, str]]]
"""Finds what is to be watched: kinds and places."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """What a queue of watches looks after: one look for each kind, where they are found; so many looks at once."""

    queue: str
    looks: Mapping[str, Look]
    find: Find
    lanes: int


class Watching:
    """The drain of a queue of watches; `owner` holds the leases."""

    def __init__(
        self, database: Database, beat: Beat, owner: str, clock: Callable[[], float], wake: Callable[[str], None]
    ) -> None:
        self._queue = beat.queue
        self._database = database
        self._looks = beat.looks
        self._find = beat.find
        self._owner = owner
        self._clock = clock
        self._wake = wake
        self._kinds = tuple(beat.looks)
        self._ours = (watch.c.what.in_(self._kinds),)
        self._placed_at = 0.0
        self._lanes: Lanes[Row[Any]] = Lanes(self._handle, threads=beat.lanes, room=2 * beat.lanes)
        self._leases = LeaseKeeper(database, watch, owner, clock, LEASE)

    def close(self) -> None:
        """Let the looks that go on end; leases bring the rest back."""
        self._lanes.close()
        self._leases.close()

    def drain(self) -> float | None:
        """Look at all that is due; when the next is due, Unix seconds."""
        if not 0 <= self._clock() - self._placed_at < PLACES_EVERY:
            self._place()
        while not self._lanes.closing:
            rows = self._database.write(
                partial(
                    queues.claim,
                    table=watch,
                    owner=self._owner,
                    now=self._clock(),
                    lease_seconds=LEASE,
                    limit=BATCH,
                    where=self._ours,
                )
            )
            self._leases.hold(row.id for row in rows)
            for row in rows:
                self._lanes.enter(str(row.id), row)
            if len(rows) < BATCH:
                break
        with self._database.reading() as connection:
            return queues.next_due(connection, watch, self._ours)

    def ask(self, now: float) -> int:
        """A person wants everything looked at now; how many watches."""
        self._place()
        count = self._database.write(lambda connection: healing.ask_for_look(connection, self._kinds, now))
        self._wake(self._queue)
        return count

    def _place(self) -> None:
        """Watch what is to be watched, and nothing else."""
        with self._database.reading() as connection:
            wanted = self._find(connection)
            same = healing.have_watches(connection, self._kinds, wanted)
        self._placed_at = self._clock()
        if not same:
            self._database.write(
                lambda connection: healing.keep_watches(connection, self._kinds, wanted, self._clock())
            )

    def _handle(self, rows: list[Row[Any]]) -> None:
        for row in rows:
            try:
                self._look(row)
            finally:
                self._leases.release([row.id])
            self._wake(self._queue)

    def _look(self, row: Row[Any]) -> None:
        began, told = self._clock(), dict(row.told)
        try:
            looked = self._looks[row.what](row, told)
        except Exception as error:  # noqa: BLE001  a look that can't go on must not stop the others
            if is_outage(error):
                logger.warning("look_waits_for_database", place=row.place)
                return  # its lease ends, and another look begins
            looked = self._failed(row, told, error)
        self._database.write(partial(_keep, row, looked, began, self._clock))

    def _failed(self, row: Row[Any], told: dict[str, Any], error: Exception) -> Looked:
        """What to do after a look that could not go on; `refused`: it is not for GitHub to be well again."""
        now, seen = self._clock(), told.get("whole_at")
        told["refused"] = isinstance(error, GitHubRefusedError)
        if isinstance(error, RateLimitedError):
            return Looked(told=told, looked_at=seen, due=now + error.retry_after, note=str(error))
        if not isinstance(error, HubwrightError):
            logger.error("look_failed", place=row.place, exc_info=error)
        told["failures"] = int(told.get("failures", 0)) + 1
        pause = backoff(told["failures"], base=5.0, cap=600.0, jitter=(row.id % 100) / 100)
        why = str(error) if isinstance(error, HubwrightError) else f"{type(error).__name__}: {error}"
        return Looked(told=told, looked_at=seen, due=now + pause, note=why)


def _keep(row: Row[Any], looked: Looked, began: float, clock: Callable[[], float], connection: Connection) -> None:
    """Write what came of a look, and when the next is; nothing of it when another process has the watch by now."""
    ended = healing.Ended(
        told=looked.told, tried_at=began, looked_at=looked.looked_at, due=looked.due, note=looked.note
    )
    held = healing.note_look(connection, row, ended)
    if held and looked.keep is not None:
        looked.keep(connection, clock())
