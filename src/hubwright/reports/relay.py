"""From facts to reports, from reports to the world: in order per target, at least once, each reporter on its own.

Step 1 reads the facts after each reporter's cursor and keeps its reports together with the new cursor in one
transaction. Step 2 sends what is due. Between the two, and between two attempts, only rows are kept: a process may
die anywhere and another goes on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial

import structlog
from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from hubwright.domain.backoff import backoff
from hubwright.domain.facts import Fact
from hubwright.domain.figures import REPORTS
from hubwright.errors import (
    GitHubError,
    GitHubRefusedError,
    NotYetError,
    OutletError,
    OutletRefusedError,
    RateLimitedError,
    StorageError,
)
from hubwright.reports import Reporter
from hubwright.store import reports
from hubwright.store.database import Database
from hubwright.store.figures import Tally
from hubwright.store.reports import Held, NewReport

log = structlog.get_logger(__name__)

BATCH = 500
"""Facts read in one go."""

THREADS = 8
"""Targets of one reporter that are told at the same time."""

AT_ONCE = 100
"""Reports to one target that are sent together, at most."""

LOOK_AGAIN = 5.0
"""Seconds after which a relay with a queue of its own looks for reports that another process has left."""

LEASE = 30.0
"""Seconds after which another process takes over what a killed one was sending; renewed while it lives."""

LOOK = 0.25
"""Seconds between two looks for new reports while one is being sent."""

FIRST_RETRY, LAST_RETRY = 5.0, 900.0
"""Seconds before the second attempt, doubled up to these: a quarter of an hour after an outage all is told."""

ATTEMPTS = 136
"""With these pauses, even when chance shortens each as far as it can, they last more than 24 hours."""

LONGEST_PAUSE = 3900.0
"""Seconds that a rate limit may silence a reporter: GitHub's windows are an hour; more comes from a wrong clock."""


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
        self._couriers = [_Courier(database, reporter, owner, clock, tally or Tally()) for reporter in reporters]
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
            facts = [] if cursor is None else reports.load_facts(connection, cursor, BATCH)
        if cursor is None:
            self.enroll()
            return 0, True
        if not facts:
            return 0, False
        made = [new for number, fact in facts if fact is not None for new in _read_fact(reporter, number, fact)]
        keep = partial(
            reports.keep_reports,
            name=reporter.name, before=cursor, cursor=facts[-1][0], reports=made, now=self._clock(),
        )  # fmt: skip
        if self._database.write(keep):
            self._cursors[reporter.name] = facts[-1][0]
            return len(made), len(facts) == BATCH
        self._cursors.pop(reporter.name, None)  # another process was quicker: the next look tells where the cursor is
        return 0, True

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


class _Courier:
    """The sending of one reporter: its threads, and its pause after a rate limit."""

    def __init__(
        self, database: Database, reporter: Reporter, owner: str, clock: Callable[[], float], tally: Tally
    ) -> None:
        self._database = database
        self._reporter = reporter
        self._tally = tally
        self._owner = owner
        self._clock = clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"report-{reporter.name}")
        self._sending: set[str] = set()
        self._paused_until = 0.0
        self._renewed_at = 0.0
        self._closing = False

    def close(self) -> None:
        """Begin no more, and wait for what is being sent."""
        self._closing = True
        self._pool.shutdown(wait=True)

    def begin(self) -> set[Future[None]]:
        """Begin to send to targets that are due, as many as there are free threads."""
        room = THREADS - len(self._sending)
        now = self._clock()
        if self._closing or room <= 0 or self._pause_left(now):
            return set()
        with self._database.reading() as connection:
            due = reports.load_due_targets(connection, self._reporter.name, now, THREADS)
        begun = [target for target in due if target not in self._sending][:room]
        self._sending.update(begun)
        return {self._pool.submit(self._send_to, target) for target in begun}

    def renew(self) -> None:
        """Hold on to what is being sent, so that no other process sends it too."""
        now = self._clock()
        if self._sending and not 0 <= now - self._renewed_at < LEASE / 3:
            self._renewed_at = now
            name, targets = self._reporter.name, list(self._sending)
            self._database.write(
                lambda connection: reports.renew_targets(connection, name, targets, self._owner, now + LEASE)
            )

    def next_due(self) -> float | None:
        """When there will be something to send, Unix time."""
        with self._database.reading() as connection:
            due = reports.load_next_due(connection, self._reporter.name)
        now = self._clock()
        return None if due is None else max(due, now + self._pause_left(now))

    def _pause_left(self, now: float) -> float:
        left = self._paused_until - now
        return left if 0 < left <= LONGEST_PAUSE else 0.0  # more: the clock was set back

    def _send_to(self, target: str) -> None:
        try:
            now = self._clock()
            held = self._database.write(
                lambda connection: reports.hold_target(
                    connection, self._reporter.name, target, self._owner, now, until=now + LEASE, limit=AT_ONCE
                )
            )
            if held is not None:
                with bound_contextvars(builds=held.builds):
                    settle = self._send(held)
                self._database.write(settle)
        finally:
            self._sending.discard(target)

    def _send(self, held: Held) -> Callable[[Connection], bool]:
        """Send, and tell what is to become of the reports: the write that settles them."""
        name, target = held.reporter, held.target
        try:
            self._reporter.send(target, held.bodies, held.said)
        except NotYetError as error:
            at = self._clock() + error.seconds
            return partial(reports.retry_reports, held=held, owner=self._owner, at=at, error=None, counted=False)
        except RateLimitedError as error:
            self._count("paused", held)
            at = self._paused_until = self._clock() + min(error.retry_after, LONGEST_PAUSE)
            log.warning("reporter_paused", reporter=name, seconds=round(error.retry_after), reason=str(error))
            return partial(reports.retry_reports, held=held, owner=self._owner, at=at, error=str(error), counted=False)
        except (GitHubRefusedError, OutletRefusedError) as error:
            # a wrong token is soon put right, and everything waits for it
            waits = isinstance(error, GitHubRefusedError) and error.status == 401
            return self._retry(held, str(error)) if waits else self._give_up(held, str(error))
        except (GitHubError, StorageError, OutletError) as error:
            return self._retry(held, str(error))
        except Exception as error:  # a reporter's own fault must not stop the others
            log.warning("reporter_fault", reporter=name, target=target, exc_info=True)
            return self._retry(held, f"{type(error).__name__}: {error}")
        self._count("told", held)
        log.info("report_told", reporter=name, builds=held.builds, reports=len(held.ids))
        return partial(reports.finish_reports, held=held, owner=self._owner, now=self._clock())

    def _retry(self, held: Held, error: str) -> Callable[[Connection], bool]:
        if held.least_attempts >= ATTEMPTS:
            return self._give_up(held, error)
        self._count("delayed", held)
        pause = backoff(held.most_attempts, FIRST_RETRY, LAST_RETRY, random.random())  # noqa: S311  no secret
        log.info(
            "report_delayed", reporter=held.reporter, target=held.target, attempts=held.most_attempts,
            seconds=round(pause), reason=error,
        )  # fmt: skip
        at = self._clock() + pause
        return partial(reports.retry_reports, held=held, owner=self._owner, at=at, error=error)

    def _give_up(self, held: Held, error: str) -> Callable[[Connection], bool]:
        self._count("given_up", held)
        log.warning("report_given_up", reporter=held.reporter, target=held.target, reports=len(held.ids), reason=error)
        return partial(reports.give_up_reports, held=held, owner=self._owner, now=self._clock(), error=error)

    def _count(self, outcome: str, held: Held) -> None:
        self._tally.count(REPORTS, held.reporter, outcome, amount=len(held.ids))
