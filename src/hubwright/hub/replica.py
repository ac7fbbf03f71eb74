"""The drain of loads: whatever is due is fetched and kept, several steps side by side, in any number of processes.

A load is over when its last step has ended; nothing is held in memory, so a killed process costs the steps that it was
at: their leases end, and others do them. While GitHub asks to wait steps wait as rows, for as long as that takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.backoff import backoff
from hubwright.errors import GitHubError, GitHubUnavailableError, HubwrightError, RateLimitedError
from hubwright.hub.lanes import Lanes
from hubwright.hub.leases import LeaseKeeper
from hubwright.hub.loads import FOLLOW_UPS, LOADS
from hubwright.hub.replica_pages import Asks, Pages, Work
from hubwright.hub.replica_scans import Scans
from hubwright.store import queues, tasks
from hubwright.store.database import Database
from hubwright.store.schema import task
from hubwright.store.tasks import Held, Progress
from hubwright.store.writers import is_outage

LEASE = 30.0
"""Seconds after which another process takes what a killed one held; renewed while a slow answer comes."""

TRIES = 12
"""Times that GitHub is asked for one page before its load fails; with the pauses between, about an hour."""

BATCH = 8
LANES: Mapping[str, int] = {LOADS: 4, FOLLOW_UPS: 2}
"""Steps at once, in each queue: most of their time they wait for GitHub or for the database."""

LOOK = 0.02
"""Seconds between two looks at a load that others work on."""

logger = structlog.get_logger()


class Replica:
    """The drains of the queues of loads; `owner` holds the leases, `wake` names a queue that has new work."""

    def __init__(
        self,
        database: Database,
        github: Asks,
        owner: str,
        clock: Callable[[], float],
        wake: Callable[[str], None],
    ) -> None:
        self._database = database
        self._owner = owner
        self._clock = clock
        self._wake = wake
        pages, scans = Pages(github, clock), Scans(database)
        self._steps: Mapping[tuple[str, bool], Callable[[Held], Work]] = {
            ("load", False): pages.begin_load,
            ("load", True): scans.end_load,
            ("scan", False): scans.end_scan,
            ("scan", True): scans.end_scan,
            ("page", False): pages.read_page,
            ("check", False): pages.check_record,
        }
        self._lanes = {
            queue: Lanes(self._handle, threads=threads, room=2 * threads) for queue, threads in LANES.items()
        }
        self._leases = LeaseKeeper(database, task, owner, clock, LEASE)

    def drains(self) -> dict[str, Callable[[], float | None]]:
        """What drains which queue."""
        return {queue: partial(self.drain, queue) for queue in LANES}

    def close(self) -> None:
        """Let what is being done end; leases bring the rest back."""
        for lanes in self._lanes.values():
            lanes.close()
        self._leases.close()

    def drain(self, queue: str) -> float | None:
        """Take all that is due; when the next is due, Unix seconds, or None."""
        where = (task.c.queue == queue,)
        while not self._lanes[queue].closing:
            rows = self._claim(BATCH, task.c.queue == queue)
            self._leases.hold(row.id for row in rows)
            for row in rows:
                self._lanes[queue].enter(str(row.id), row)
            if len(rows) < BATCH:
                break
        with self._database.reading() as connection:
            return queues.next_due(connection, task, where)

    def help_out(self, number: int, patience: float) -> Progress:
        """Work at a load in this thread until it has ended, or for `patience` seconds; how it stands.

        Raises NotFoundError, and RateLimitedError when GitHub asks to wait: the load goes on when it may.
        """
        deadline = time.monotonic() + patience
        while True:
            rows = self._claim(1, tasks.is_below(number))
            for row in rows:
                with self._leases.holding([row.id]):
                    limit = self._do(row)
                if limit is not None:
                    raise limit
            progress = self._look(number)
            if progress.state in {"done", "failed"} or time.monotonic() > deadline:
                return progress
            if not rows:
                time.sleep(LOOK)

    def _look(self, number: int) -> Progress:
        with self._database.reading() as connection:
            return tasks.load_progress(connection, number)

    def _claim(self, most: int, where: Any) -> list[Row[Any]]:
        claim = partial(
            queues.claim,
            table=task,
            owner=self._owner,
            now=self._clock(),
            lease_seconds=LEASE,
            limit=most,
            where=(where,),
        )
        return self._database.write(claim)

    def _handle(self, rows: list[Row[Any]]) -> None:
        for row in rows:
            try:
                self._do(row)
            finally:
                self._leases.release([row.id])

    def _do(self, row: Row[Any]) -> RateLimitedError | None:
        """Do one step and write what came of it; the limit that it met."""
        held = tasks.read_held(row, self._owner)
        limit = None
        try:
            work = self._steps[held.payload["do"], "stage" in held.payload](held)
        except RateLimitedError as error:
            limit = error
            work = partial(_wait, held, error)
        except Exception as error:  # a step that can't go on must not stop the others
            if is_outage(error):
                raise
            work = self._failed(held, error)
        self._write(held, work)
        self._wake(held.queue)
        return limit

    def _write(self, held: Held, work: Work) -> None:
        """In one transaction; while the database is away, wait for it, for the answer is at hand."""
        while True:
            try:
                self._database.write_apart(lambda connection: work(connection, self._clock()))
            except Exception as error:
                if not is_outage(error):
                    self._note_failure(held, error)
                    return
                logger.warning("load_waits_for_database", step=held.id)
                self._lanes[held.queue].pause(1.0)
                if self._lanes[held.queue].closing:
                    raise
            else:
                return

    def _note_failure(self, held: Held, error: Exception) -> None:
        failed = self._failed(held, error)
        self._database.write(lambda connection: failed(connection, self._clock()))

    def _failed(self, held: Held, error: Exception) -> Work:
        """Tried again where that may help, as often as it makes sense."""
        why = str(error) if isinstance(error, HubwrightError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, HubwrightError):
            logger.error("load_step_failed", step=held.id, exc_info=error)
        lasting = isinstance(error, HubwrightError) and not isinstance(error, GitHubUnavailableError)
        failures = held.attempts - held.payload.get("limited", 0)
        if lasting or failures >= TRIES:
            status = error.status if isinstance(error, GitHubError) else 0
            return partial(_give_up, held, why, status)
        pause = backoff(failures, base=1.0, cap=600.0, jitter=(held.id % 100) / 100)
        return partial(_try_again, held, pause, why)


def _wait(held: Held, limit: RateLimitedError, connection: Connection, now: float) -> None:
    """GitHub's limit is no failure: it is waited for, however often."""
    if tasks.hold(connection, held, {**held.payload, "limited": held.payload.get("limited", 0) + 1}):
        tasks.go_on(connection, held, now + limit.retry_after, str(limit))


def _try_again(held: Held, pause: float, why: str, connection: Connection, now: float) -> None:
    tasks.go_on(connection, held, now + pause, why)


def _give_up(held: Held, why: str, status: int, connection: Connection, now: float) -> None:
    if tasks.hold(connection, held, {**held.payload, "status": status}):
        tasks.end(connection, held, now, why)
