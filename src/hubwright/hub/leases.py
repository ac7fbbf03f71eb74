"""Leases are short, so that what a killed process held is soon found; they are renewed while the work goes on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import Table

from hubwright.store import queues
from hubwright.store.database import Database
from hubwright.store.writers import is_outage

logger = structlog.get_logger()


class LeaseKeeper:
    """Renews what is worked on, every third of `seconds`; of `owner`'s rows only those, by their ids.

    A row whose work was given up, or that was leased by an answer that never came, is due again when its lease ends.
    """

    def __init__(
        self, database: Database, table: Table, owner: str, clock: Callable[[], float], seconds: float
    ) -> None:
        self._database = database
        self._table = table
        self._owner = owner
        self._clock = clock
        self._seconds = seconds
        self._held: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="leases", daemon=True)
        self._thread.start()

    def hold(self, ids: Iterable[int]) -> None:
        """Rows are worked on from now on; each is released as often as it is held."""
        with self._lock:
            self._held.update(ids)

    def release(self, ids: Iterable[int]) -> None:
        """Their work has ended, however."""
        with self._lock:
            self._held.subtract(ids)
            self._held = +self._held

    @contextmanager
    def holding(self, ids: Iterable[int]) -> Iterator[None]:
        """Rows are worked on as long as the block lasts."""
        held = list(ids)
        self.hold(held)
        try:
            yield
        finally:
            self.release(held)

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
        """An idle hub writes nothing."""
        with self._lock:
            ids = list(self._held)
        if ids:
            until = self._clock() + self._seconds
            self._database.write(lambda connection: queues.renew_some(connection, self._table, ids, self._owner, until))
