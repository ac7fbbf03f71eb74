"""Tells a collector each minute how things stand: one of all hubs does."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from sqlalchemy import Connection

from hubwright.errors import OutletError
from hubwright.outlets.otlp import Collector
from hubwright.reports.measuring import load_measurements, translate
from hubwright.reports.metrics import Metrics
from hubwright.reports.pipeline_counting import NAME, PipelineCounting
from hubwright.store.database import Database
from hubwright.store.duties import give_back_duty, take_duty
from hubwright.store.writers import is_outage

DUTY = "measurements"
"""Of the hub that tells; another takes over when it has missed its time by half."""

logger = structlog.get_logger()


class Measurer:
    """Counts what has happened whenever it is drained, and tells all each `every` seconds. `owner` is this process.

    What is counted is kept in the database and told in sums: a collector that is away misses points in between, never
    an event, and what is told again changes nothing.
    """

    names = (NAME,)

    def __init__(
        self, database: Database, collector: Collector, metrics: Metrics, owner: str, clock: Callable[[], float],
        every: float,
    ) -> None:  # fmt: skip
        self._database = database
        self._owner = owner
        self._collector = collector
        self._metrics = metrics
        self._clock = clock
        self._every = every
        self._counting = PipelineCounting(database)
        self._due = 0.0

    def enroll(self) -> None:
        """Begin to count. Call it before anything can happen."""
        self._counting.enroll(self._clock())

    def drain(self) -> float:
        """Count, and tell if it is time; when it is time again."""
        self._counting.drain()
        now = self._clock()
        if not now < self._due <= now + self._every:  # beyond it: the clock was set back
            self._due = now + self._every
            if self._database.write(lambda connection: self._take_duty(connection, now)):
                self._tell(now)
        return self._due

    def close(self) -> None:
        """Let another hub tell from now on, if the database is there; else that waits until our time is over."""
        try:
            self._database.write(lambda connection: give_back_duty(connection, DUTY, self._owner))
        except Exception as error:
            if not is_outage(error):
                raise

    def _take_duty(self, connection: Connection, now: float) -> bool:
        return take_duty(connection, DUTY, self._owner, now, now + 1.5 * self._every, lambda _owner: False)

    def _tell(self, now: float) -> None:
        with self._database.reading() as connection:
            measured = list(load_measurements(connection))
        measured += translate(self._metrics.collect())
        try:
            self._collector.tell_measurements((one for one in measured if one.points), now)
        except OutletError as error:
            logger.warning("measurements_not_told", reason=str(error))
