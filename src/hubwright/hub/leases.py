"""Leases are short, so that what a killed process held is soon found; they are renewed while the work goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from sqlalchemy import Table

from hubwright.store import queues
from hubwright.store.database import Database, is_outage

logger = structlog.get_logger()


class LeaseKeeper:
    """Renews all that `owner` holds in a table, every third of `seconds`, while it holds anything."""

    def __init__(
        self, database: Database, table: Table, owner: str, clock: Callable[[], float], seconds: float
    ) -> None:
        self._database = database
        self._table = table
        self._owner = owner
        self._clock = clock
        self._seconds = seconds
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Renew no more."""
        self._ending.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._ending.wait(self._seconds / 3):
            try:
                self._renew()
            except Exception as error:
                if not is_outage(error):
                    raise
                logger.warning("leases_not_renewed", error=str(error).partition("\n")[0])

    def _renew(self) -> None:
        """A look at a small index first: an idle hub writes nothing."""
        with self._database.reading() as connection:
            open_rows = queues.count_open(connection, self._table)
        if open_rows:
            until = self._clock() + self._seconds
            self._database.write(lambda connection: queues.renew_all(connection, self._table, self._owner, until))
