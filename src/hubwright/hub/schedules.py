"""Jobs are built when their time comes, once each, also the times that were missed while no hub ran."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.builds import SCHEDULE
from hubwright.hub.wishes import Later, ask_later
from hubwright.store.database import Database
from hubwright.store.jobs import load_job_by_id
from hubwright.store.triggers import find_next, load_due, load_next_time, move_schedule

SCHEDULES = "schedules"
"""The queue's name."""

BATCH = 100
"""Times that are taken at once."""


class Schedules:
    """The drain of queue `schedules`. Any number of processes may drain: who moves a time on starts its build."""

    def __init__(self, database: Database, clock: Callable[[], float], wake: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    def drain(self) -> float | None:
        """Have built what is due; when the next is due, Unix seconds."""
        while True:
            with self._database.reading() as connection:
                rows = load_due(connection, self._clock(), BATCH)
            for row in rows:
                self._database.write(partial(_start, row=row, now=self._clock()))
            if rows:
                self._wake("deliveries")
            if len(rows) < BATCH:
                break
        with self._database.reading() as connection:
            return load_next_time(connection)


def _start(connection: Connection, row: Row[Any], now: float) -> None:
    """In one transaction, so that a time is neither lost nor has two builds. However many were missed, it is one."""
    if not move_schedule(connection, row, find_next(row.cron, row.zone, now)):
        return
    job = load_job_by_id(connection, row.job_id)
    if job is None or not job.enabled:
        return
    ref = "HEAD" if row.branch is None else f"refs/heads/{row.branch}"
    mark = f"{row.position} {row.next_at:.0f}"
    ask_later(connection, job, Later(event=SCHEDULE, mark=mark, ref=ref, parameters=row.parameters), now)
