"""Counts what has happened: facts, each exactly once whichever hub is quicker, and what this process has tallied."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import structlog
from sqlalchemy import Connection, Select, Table, bindparam, select

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.figures import WAIT_SECONDS, FactCounts, Series, Times
from hubwright.reports.fact_counts import CountedFacts
from hubwright.store import figures
from hubwright.store.database import Database
from hubwright.store.fact_reader import FactLoader
from hubwright.store.figures import Tally
from hubwright.store.reports import load_facts
from hubwright.store.schema import build, run
from hubwright.store.writers import is_outage

logger = structlog.get_logger()

NAME = "metrics"
"""The cursor in the facts is kept under this name."""

_TOLD = frozenset(
    {
        FactKind.RUN_STARTED,
        FactKind.RUN_FINISHED,
        FactKind.BUILD_FINISHED,
        FactKind.BUILDER_LOST,
        FactKind.DELIVERY_FAILED,
    }
)
"""Facts that are in the log unless it has only what is worse."""


class Counting:
    """The drain that keeps what is counted. Facts are counted from the moment on at which the first hub begins."""

    def __init__(self, database: Database, tally: Tally, load: FactLoader = load_facts) -> None:
        self._database = database
        self._tally = tally
        self._facts = CountedFacts(database, NAME, _count, load, beside=tally)

    def enroll(self) -> None:
        """Begin at the newest fact, where no hub has begun. Call it before anything can happen."""
        self._facts.enroll()

    def drain(self) -> float | None:
        """Count every new fact, and keep the tally. Nothing is due later: None."""
        for facts in self._facts.drain():
            _log(facts)
        self.keep_tally()
        return None

    def keep_tally(self) -> None:
        """Add what this process has counted, in one transaction; when that fails, it is counted still."""
        counts = self._tally.take()
        if counts:
            try:
                self._database.write(partial(figures.add_counts, counts=counts))
            except BaseException:
                self._tally.give_back(counts)
                raise

    def close(self) -> None:
        """Keep what was counted last, if the database is there."""
        try:
            self.keep_tally()
        except Exception as error:
            if not is_outage(error):
                raise
            logger.warning("counts_lost", error=str(error).partition("\n")[0])


def _log(facts: Sequence[Fact]) -> None:
    """Once over all hubs, after their commit. Names that others have given are left out: they are in the database."""
    for fact in facts:
        said = {name: fact.data[name] for name in ("builder", "result", "delivery") if name in fact.data}
        tell = logger.info if fact.kind in _TOLD else logger.debug
        tell("fact", kind=fact.kind.value, build=fact.build_id, run=fact.run_id, **said)


def _count(connection: Connection, facts: Sequence[Fact]) -> dict[Series, float]:
    platforms = figures.load_first_labels(connection, WAIT_SECONDS)
    runs = _load_times(connection, run, {fact.run_id for fact in facts if fact.run_id is not None})
    builds = _load_times(connection, build, {fact.build_id for fact in facts if fact.build_id is not None})
    counted = FactCounts(runs, builds, platforms)
    for fact in facts:
        counted.count(fact)
    return counted.counts


def _load_times(connection: Connection, table: Table, ids: set[int]) -> dict[int, Times]:
    rows = connection.execute(_times_of(table), {"ids": sorted(ids)})
    return {row.id: Times(row.queued_at, row.started_at) for row in rows}


@cache
def _times_of(table: Table) -> Select[Any]:
    columns = table.c
    return select(columns.id, columns.queued_at, columns.started_at).where(
        columns.id.in_(bindparam("ids", expanding=True))
    )
