"""Counts made of facts: each fact exactly once, whichever hub is quicker, for cursor and counts are one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection

from hubwright.domain.facts import Fact
from hubwright.domain.figures import Series
from hubwright.store import figures, reports
from hubwright.store.database import Database
from hubwright.store.fact_reader import FactLoader

BATCH = 500
"""Facts counted in one transaction."""

Count = Callable[[Connection, Sequence[Fact]], dict[Series, float]]
"""What facts, of which there is one at least, add to which series."""


class CountedFacts:
    """The cursor `name` in the facts, and what `count` makes of those behind it."""

    def __init__(
        self,
        database: Database,
        name: str,
        count: Count,
        load: FactLoader = reports.load_facts,
        beside: figures.Tally | None = None,
    ) -> None:
        """`beside` is kept in the same transactions: what this process alone has counted."""
        self._database = database
        self._name = name
        self._count = count
        self._load = load
        self._beside = beside or figures.Tally()
        self._cursor: int | None = None

    def enroll(self, also: Callable[[Connection], object] = lambda _: None) -> None:
        """Begin at the newest fact, where no hub has begun, and do `also` with it. Call it before anything happens."""

        def begin(connection: Connection) -> None:
            reports.keep_cursor(connection, self._name, reports.load_newest_fact(connection))
            also(connection)

        self._database.write(begin)

    def drain(self) -> Iterator[list[Fact]]:
        """Count every new fact; gives those that this process was the first to count, when that is kept.

        Where another process was quicker it is left to it: that one goes on, and what it misses the next look finds.
        """
        more = True
        while more:
            mine, more = self._count_batch()
            if mine:
                yield mine

    def _count_batch(self) -> tuple[list[Fact], bool]:
        """What was counted here, and whether there may be more."""
        with self._database.reading() as connection:
            cursor = self._cursor
            if cursor is None:
                cursor = reports.load_cursors(connection).get(self._name)
            rows = [] if cursor is None else self._load(connection, cursor, BATCH)
            facts = [fact for _, fact in rows if fact is not None]
            counts = self._count(connection, facts) if facts else {}
        if cursor is None or not rows:
            return [], False
        newest = rows[-1][0]
        kept = self._keep(cursor, newest, counts)
        self._cursor = newest if kept else None
        return (facts, len(rows) == BATCH) if kept else ([], False)

    def _keep(self, cursor: int, newest: int, counts: dict[Series, float]) -> bool:
        """Move the cursor and add the counts. False when another hub has counted them."""
        beside = self._beside.take()

        def keep(connection: Connection) -> bool:
            kept = reports.keep_reports(connection, self._name, before=cursor, cursor=newest, reports=())
            figures.add_counts(connection, figures.sum_counts(counts, beside) if kept else beside)
            return kept

        try:
            return self._database.write_apart(keep)
        except BaseException:
            self._beside.give_back(beside)
            raise
