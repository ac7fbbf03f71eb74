"""From facts to reports, from reports to the world: in order per target, at least once, each reporter on its own.

Step 1 reads the facts after each reporter's cursor and keeps its reports together with the new cursor in one
transaction. Step 2 sends what is due. Between the two, and between two attempts, only rows are kept: a process may
die anywhere and another goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial

import structlog
from sqlalchemy import Connection

from hubwright.domain.facts import Fact
from hubwright.reports import Asking, Reporter
from hubwright.reports.courier import Courier
from hubwright.store import reports
from hubwright.store.database import Database
from hubwright.store.fact_reader import FactLoader
from hubwright.store.figures import Tally
from hubwright.store.reports import NewReport

log = structlog.get_logger(__name__)

BATCH = 500
"""Facts read in one go."""

LOOK_AGAIN = 5.0
"""Seconds after which a relay with a queue of its own looks for reports that another process has left."""

LOOK = 0.25
"""Seconds between two looks for new reports while one is being sent."""


class Relay:
    """The drains of the queues `facts` and `reports`. `owner` names this process in leases; `clock` tells Unix time.

    `is_heard` says whether there is anybody to tell by now; it is asked often.
    """

    def __init__(
        self,
        database: Database,
        reporters: Sequence[Reporter],
        owner: str,
        clock: Callable[[], float],
        wake: Callable[[str], None],
        *,
        is_heard: Callable[[], bool] = lambda: True,
        tally: Tally | None = None,
    ) -> None:
        self._database = database
        self._given = tuple(reporters)
        self._clock = clock
        self._wake = wake
        self._is_heard = is_heard
        self.load: FactLoader = reports.load_facts
        """How facts are read; those who follow them in one process may read them together."""
        self._couriers = [Courier(database, reporter, owner, clock, tally or Tally()) for reporter in reporters]
        self._due = 0.0
        self._cursors: dict[str, int] = {}  # as kept last; where another process has moved one, keeping fails and tells

    def close(self) -> None:
        """Let what is being sent end; the rest stays for the next start."""
        for courier in self._couriers:
            courier.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the reporters that are heard."""
        return tuple(reporter.name for reporter in self._reporters)

    @property
    def _reporters(self) -> tuple[Reporter, ...]:
        """While nobody listens nothing is told, and what happens meanwhile is not told later."""
        return self._given if self._is_heard() else ()

    def enroll(self, after: int | None = None) -> None:
        """Begin the cursors of new reporters after the fact `after`, None: after the newest one.

        Call it before anything can happen; `drain_facts` does it otherwise.
        """

        def begin(connection: Connection) -> None:
            cursor = reports.load_newest_fact(connection) if after is None else after
            for reporter in self._reporters:
                reports.keep_cursor(connection, reporter.name, cursor)

        if self._reporters:
            self._database.write(begin)

    def drain_facts(self) -> float | None:
        """Read every new fact for every reporter. Nothing is ever due later: None."""
        made = False
        for reporter in self._reporters:
            more = True
            while more:
                count, more = self._read_batch(reporter)
                made = made or count > 0
        if made:
            self._due = 0.0
            self._wake("reports")
        return None

    def drain(self) -> float | None:
        """Both, for a relay with a queue of its own; most facts make no report, and cost no look at what is to send."""
        self.drain_facts()
        now = self._clock()
        if not now < self._due <= now + LOOK_AGAIN:  # beyond it: the clock was set back
            due = self.drain_reports()
            later = self._clock() + LOOK_AGAIN
            self._due = later if due is None else min(due, later)
        return self._due

    def _read_batch(self, reporter: Reporter) -> tuple[int, bool]:
        """Make the reports of the next facts: how many, and whether more facts may follow."""
        cursor = self._cursors.get(reporter.name)
        with self._database.reading() as connection:
            if cursor is None:
                cursor = reports.load_cursors(connection).get(reporter.name)
            facts = [] if cursor is None else self.load(connection, cursor, BATCH)
        if cursor is None:
            self.enroll()
            return 0, True
        if not facts:
            return 0, False
        if isinstance(reporter, Asking):
            reporter.begin_batch()
        made = [new for number, fact in facts if fact is not None for new in _read_fact(reporter, number, fact)]
        keep = partial(
            reports.keep_reports,
            name=reporter.name, before=cursor, cursor=facts[-1][0], reports=made,
        )  # fmt: skip
        if self._database.write_apart(keep):  # beside others' cursors a group could meet another one crosswise
            self._cursors[reporter.name] = facts[-1][0]
            return len(made), len(facts) == BATCH
        self._cursors.pop(reporter.name, None)  # another process was quicker and goes on; the next look tells how far
        return 0, False

    def drain_reports(self) -> float | None:
        """Send what is due, and what becomes due meanwhile; the Unix time at which more will be, None: nothing waits.

        It ends when nothing is being sent any more: a slow target keeps it, but no other target waits for that.
        """
        sending: set[Future[None]] = set()
        while True:
            for courier in self._couriers if self._is_heard() else ():
                sending |= courier.begin()
            if not sending:
                break
            ended, sending = wait(sending, LOOK, FIRST_COMPLETED)
            for future in ended:
                future.result()  # the database is away: the queue is drained again later
            for courier in self._couriers:
                courier.renew()
        if not self._is_heard():
            return None
        return min((due for courier in self._couriers if (due := courier.next_due()) is not None), default=None)


def _read_fact(reporter: Reporter, number: int, fact: Fact) -> list[NewReport]:
    """The reports of a fact; one that its reporter stumbles over is passed by, so that the next ones go on."""
    try:
        return [(report.target, number, report.body) for report in reporter.read_reports(fact)]
    except Exception:
        log.exception("fact_passed_by", reporter=reporter.name, fact=number)
        return []
