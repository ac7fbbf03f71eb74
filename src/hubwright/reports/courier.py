"""Sends what waits for one reporter: leases on targets, threads that tell them, pauses, what becomes of reports."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import structlog
from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from hubwright.domain.backoff import backoff
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
from hubwright.reports import Gathering, Recalling, Reporter
from hubwright.store import report_leases, reports
from hubwright.store.database import Database
from hubwright.store.figures import Tally
from hubwright.store.report_leases import Held, Lease
from hubwright.store.writers import is_outage

log = structlog.get_logger(__name__)

Settle = Callable[[Connection], bool]
"""The write that ends a lease."""

THREADS = 8
"""Targets of one reporter that are told at the same time."""

AT_ONCE = 100
"""Reports to one target that are sent together, at most."""

LEASE = 30.0
"""Seconds after which another process takes over what a killed one was sending; renewed while it lives."""

LOOK_FOR_DATABASE = 1.0
"""Seconds between two attempts to write down what was told while the database is away."""

FIRST_RETRY, LAST_RETRY = 5.0, 900.0
"""Seconds before the second attempt, doubled up to these: a quarter of an hour after an outage all is told."""

ATTEMPTS = 136
"""With these pauses, even when chance shortens each as far as it can, they last more than 24 hours."""

LONGEST_PAUSE = 3900.0
"""Seconds that a rate limit may silence a reporter: GitHub's windows are an hour; more comes from a wrong clock."""


class Courier:
    """The sending of one reporter: its threads, and its pause after a rate limit."""

    def __init__(
        self, database: Database, reporter: Reporter, owner: str, clock: Callable[[], float], tally: Tally
    ) -> None:
        self._database = database
        self._reporter = reporter
        self._tally = tally
        self._owner = owner
        self._clock = clock
        self._gathering = reporter if isinstance(reporter, Gathering) else None
        self._recalling = reporter if isinstance(reporter, Recalling) else None
        self._together = 1 if self._gathering is None else self._gathering.together
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"report-{reporter.name}")
        self._sending: set[tuple[str, ...]] = set()  # targets, one thread's together
        self._paused_until = 0.0
        self._renewed_at = 0.0
        self._all_due: list[float] | None = None  # when all that waits is due, where the last look has told
        self._closing = threading.Event()

    def close(self) -> None:
        """Begin no more, and wait for what is being sent."""
        self._closing.set()
        self._pool.shutdown(wait=True)

    def begin(self) -> set[Future[None]]:
        """Begin to tell targets that are due, as many as there are free threads for."""
        room = THREADS - len(self._sending)
        now = self._clock()
        self._all_due = None
        if self._closing.is_set() or room <= 0 or self._pause_left(now):
            return set()
        with self._database.reading() as connection:
            limit = room * self._together
            waiting = report_leases.load_targets(connection, self._reporter.name, now, limit)
        busy = self._find_busy()
        due = [one.target for one in waiting if one.is_due and one.target not in busy]
        if not due and len(waiting) < limit:
            self._all_due = [one.due for one in waiting]
        held = self._hold(due, now) if due else []
        begun = [held[start : start + self._together] for start in range(0, len(held), self._together)]
        self._sending.update(tuple(one.target for one in some) for some in begun)
        return {self._pool.submit(self._send_all, some) for some in begun}

    def _find_busy(self) -> set[str]:
        return {target for some in list(self._sending) for target in some}

    def _hold(self, targets: list[str], now: float) -> list[Held]:
        return self._database.write(
            lambda connection: report_leases.hold_targets(
                connection, self._reporter.name, targets, Lease(self._owner, now, now + LEASE),
                limit=AT_ONCE, remembers=self._gathering is None,
            )
        )  # fmt: skip

    def renew(self) -> None:
        """Hold on to what is being sent, so that no other process sends it too."""
        now = self._clock()
        targets = sorted(self._find_busy())
        if targets and not 0 <= now - self._renewed_at < LEASE / 3:
            self._renewed_at = now
            name = self._reporter.name
            self._database.write(
                lambda connection: report_leases.renew_targets(connection, name, targets, self._owner, now + LEASE)
            )

    def next_due(self) -> float | None:
        """When there will be something to send, Unix time."""
        if self._all_due is not None:
            due = min(self._all_due, default=None)
        else:
            with self._database.reading() as connection:
                due = reports.load_next_due(connection, self._reporter.name)
        now = self._clock()
        return None if due is None else max(due, now + self._pause_left(now))

    def _pause_left(self, now: float) -> float:
        left = self._paused_until - now
        return left if 0 < left <= LONGEST_PAUSE else 0.0  # more: the clock was set back

    def _send_all(self, some: Sequence[Held]) -> None:
        """Send to each target, and write once what became of it all."""
        try:
            told, others = [], []
            failed = self._send_together(some)
            for held in some:
                with bound_contextvars(builds=held.builds):
                    otherwise = self._send(held, failed.get(held.target))
                if otherwise is None:
                    told.append(held)
                else:
                    others.append(otherwise)
            self._write_down(partial(self._settle, told=told, others=others))
        finally:
            self._sending.discard(tuple(held.target for held in some))

    def _write_down(self, settle: Callable[[Connection], None]) -> None:
        """While the database is away, wait for it: what was told would be told again."""
        while True:
            try:
                self._database.write(settle)
            except Exception as error:
                if not is_outage(error) or self._closing.wait(LOOK_FOR_DATABASE):
                    raise
                log.warning("reports_wait_for_database", reporter=self._reporter.name)
            else:
                return

    def _settle(self, connection: Connection, told: Sequence[Held], others: Sequence[Settle]) -> None:
        if told:
            report_leases.finish_reports(connection, told, self._owner, self._clock())
        for settle in others:
            settle(connection)

    def _send_together(self, some: Sequence[Held]) -> Mapping[str, Exception]:
        """Tell them in one call if that goes; what failed, by target."""
        if self._gathering is None:
            return {}
        told = {held.target: held.bodies for held in some}
        try:
            return self._gathering.send_together(told)
        except Exception as error:  # noqa: BLE001  it is told of each target, as if each had been told alone
            return dict.fromkeys(told, error)

    def _tell(self, held: Held, failure: Exception | None) -> None:
        """Send to one target; what was told together has been sent, or is the `failure`."""
        if failure is not None:
            raise failure
        if self._gathering is not None:
            return
        if held.most_attempts > 1 and self._recalling is not None:
            self._recalling.recall(held.target, held.said)  # whoever tried before may have died with the answer
        self._reporter.send(held.target, held.bodies, held.said)

    def _send(self, held: Held, failure: Exception | None) -> Settle | None:
        """Send, and tell what else is to become of the reports: the write that does; None when they are told."""
        name, target = held.reporter, held.target
        try:
            self._tell(held, failure)
        except NotYetError as error:
            at = self._clock() + error.seconds
            return partial(report_leases.retry_reports, held=held, owner=self._owner, at=at, error=None, counted=False)
        except RateLimitedError as error:
            self._count("paused", held)
            at = self._paused_until = self._clock() + min(error.retry_after, LONGEST_PAUSE)
            log.warning("reporter_paused", reporter=name, seconds=round(error.retry_after), reason=str(error))
            return partial(
                report_leases.retry_reports, held=held, owner=self._owner, at=at, error=str(error), counted=False
            )
        except (GitHubRefusedError, OutletRefusedError) as error:
            # a wrong token is soon put right, and everything waits for it
            waits = isinstance(error, GitHubRefusedError) and error.status == 401
            return self._retry(held, str(error)) if waits else self._give_up(held, str(error))
        except (GitHubError, StorageError, OutletError) as error:
            return self._retry(held, str(error))
        except Exception as error:  # a reporter's own fault must not stop the others
            log.warning("reporter_fault", reporter=name, target=target, exc_info=not is_outage(error))
            return self._retry(held, f"{type(error).__name__}: {error}")
        self._count("told", held)
        log.info("report_told", reporter=name, builds=held.builds, reports=len(held.ids))
        return None

    def _retry(self, held: Held, error: str) -> Settle:
        if held.least_attempts >= ATTEMPTS:
            return self._give_up(held, error)
        self._count("delayed", held)
        pause = backoff(held.most_attempts, FIRST_RETRY, LAST_RETRY, random.random())  # noqa: S311  no secret
        log.info(
            "report_delayed", reporter=held.reporter, target=held.target, attempts=held.most_attempts,
            seconds=round(pause), reason=error,
        )  # fmt: skip
        at = self._clock() + pause
        return partial(report_leases.retry_reports, held=held, owner=self._owner, at=at, error=error)

    def _give_up(self, held: Held, error: str) -> Settle:
        self._count("given_up", held)
        log.warning("report_given_up", reporter=held.reporter, target=held.target, reports=len(held.ids), reason=error)
        return partial(report_leases.give_up_reports, held=held, owner=self._owner, now=self._clock(), error=error)

    def _count(self, outcome: str, held: Held) -> None:
        self._tally.count(REPORTS, held.reporter, outcome, amount=len(held.ids))
