"""That this process is there: noted in the database for other hubs, for pages and for `hubwright doctor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hubwright.store.database import Database
from hubwright.store.processes import Process, begin_process, end_process, keep_process

NOTED = 10.0
"""Seconds between two notes."""


class Presence:
    """The drain of queue `presence`."""

    def __init__(self, database: Database, one: Process, clock: Callable[[], float]) -> None:
        self._database = database
        self._one = one
        self._clock = clock
        self._begun = False
        self._due = 0.0

    def drain(self) -> float | None:
        """Note it when it is time; when that is next."""
        now = self._clock()
        if self._begun and 0 <= self._due - now <= NOTED:
            return self._due
        work = keep_process if self._begun else begin_process
        self._database.write(partial(work, one=replace(self._one, seen_at=now)))
        self._begun, self._due = True, now + NOTED
        return self._due

    def end(self) -> None:
        """It goes; nobody need look for it here."""
        if self._begun:
            self._database.write(partial(end_process, owner=self._one.owner))
