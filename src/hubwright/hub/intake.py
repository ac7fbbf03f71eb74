"""Walk 2: kept deliveries are understood, and what they lead to is written, many in one transaction.

A batch is what waits; nothing is waited for. Those of a batch that only tell news are written together; those that
lead to more go into the lane of their repository, and all that is behind them there: deliveries of one repository are
understood in their order, at several hubs too, of which one at a time claims them (`store.delivery_lanes`); and a
repository that does not answer delays no other. What a delivery tells of GitHub goes into the copy in the same
transaction, before all else: so all processes lock rows in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, Row
from structlog.contextvars import bound_contextvars

from hubwright.domain.backoff import backoff
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.replica import Reading
from hubwright.domain.repos import Event, Other
from hubwright.errors import MalformedError
from hubwright.hub.admission import ADMISSION
from hubwright.hub.builds import give_up_waiting
from hubwright.hub.copying import Follow, follow_nothing, keep_told, read_told
from hubwright.hub.demands import Looks, look_around
from hubwright.hub.followers import Circle
from hubwright.hub.glances import Seen, glance
from hubwright.hub.lanes import Lanes
from hubwright.hub.leases import LeaseKeeper
from hubwright.hub.loads import FOLLOW_UPS
from hubwright.hub.news import keep_events
from hubwright.hub.pressure import Pressure
from hubwright.hub.taken import Taken, form_portions, part_pulls, read_document, read_kept_event
from hubwright.hub.understanding import Understanding
from hubwright.hub.understood import Understood
from hubwright.hub.wishes import MANUAL, read_build_of_wish
from hubwright.store import queues
from hubwright.store.database import Database
from hubwright.store.deliveries import Ended, end_deliveries, keep_outcome
from hubwright.store.delivery_lanes import claim_deliveries
from hubwright.store.facts import keep_facts
from hubwright.store.schema import delivery
from hubwright.store.writers import is_outage

LEASE = 30.0
"""Seconds after which another process takes what a killed one held; renewed while a large fetch goes on."""

TRIES = 10
"""Times that a repository is asked before its builds end as errors; with the pauses between, about an hour."""

BATCH = 128
"""Deliveries that are taken at a time."""

LANES = 16
"""Repositories that are asked side by side; most of their time they wait for an answer."""

TOGETHER = 16
"""Deliveries of one repository that are written in one transaction, when so many wait."""

LOOK_AGAIN = 0.05
"""Seconds until it is looked again whether another process is done with what is due here."""

INSIDE = 256
"""Deliveries that are held in memory at once; the others wait as rows."""

logger = structlog.get_logger()

Work = Callable[[Connection, float], Ended | None]
"""Writes what a delivery leads to; that it is done with, or None when it is tried again or given up."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be written of a delivery beside what it tells of GitHub; `seen` where that is no more than news."""

    taken: Taken
    work: Work
    seen: Seen | None = None


class Intake:
    """The drain of queue `deliveries`; `owner` holds the leases."""

    def __init__(
        self,
        database: Database,
        understanding: Understanding,
        owner: str,
        clock: Callable[[], float],
        wake: Callable[[str], None],
        pressure: Pressure,
        follow: Follow = follow_nothing,
    ) -> None:
        self._database = database
        self._understanding = understanding
        self._owner = owner
        self._clock = clock
        self._wake = wake
        self._pressure = pressure
        self._follow = follow
        self._lanes = Lanes(self._handle, threads=LANES, room=INSIDE, together=TOGETHER)
        self._leases = LeaseKeeper(database, delivery, owner, clock, LEASE)

    def close(self) -> None:
        """Let what is being understood end; leases bring the rest back."""
        self._lanes.close()
        self._leases.close()

    def drain(self) -> float | None:
        """Take all that is due; when the next is due, Unix seconds, or None.

        What another process claims or has the lane of is looked at again soon: it may be ours by then.
        """
        while not self._lanes.closing:
            taken = self._take()
            if taken == BATCH:
                continue
            with self._database.reading() as connection:
                due = queues.next_due(connection, delivery)
            now = self._clock()
            if due is None or due > now:
                return due
            if not taken:
                self._lanes.pause(LOOK_AGAIN)  # not to be woken by each delivery that joins a lane held elsewhere
                return now
        return None

    def _take(self) -> int:
        """Claim a batch and begin with it; how many those were."""
        self._pressure.yield_to_doors()
        now = self._clock()
        claim = partial(claim_deliveries, owner=self._owner, now=now, lease_seconds=LEASE, limit=BATCH)
        rows = self._database.write(claim)
        with self._leases.holding(row.id for row in rows):
            for some in form_portions(rows):
                self._take_in(some)
        return len(rows)

    def _take_in(self, rows: list[Row[Any]]) -> None:
        """Write what only tells news, together; have the others understood in their lanes."""
        steps: list[Step] = []
        read = [taken for row in rows if (taken := self._read(row, steps)) is not None]
        aside: dict[str, list[Taken]] = {}
        moving = {lane for taken in read if self._lanes.moves(lane := taken.repository or "")}  # before the look
        for taken, seen in zip(read, self._glance(read), strict=True):
            lane = taken.repository or ""
            ordered = not isinstance(taken.event, Other)
            behind = ordered and (lane in aside or lane in moving or self._lanes.moves(lane))
            if isinstance(seen, Seen) and not behind:
                steps.append(Step(taken, partial(_end_seen, taken, seen), seen))
            else:
                # what stands behind others is understood when these have been written
                known = replace(taken, circle=seen) if isinstance(seen, Circle) and not behind else taken
                aside.setdefault(lane, []).append(known)
        if steps:
            self._keep(lambda: steps)
        for lane, some in aside.items():
            for taken in some:
                self._leases.hold([taken.row.id])
                self._lanes.enter(lane, taken)

    def _read(self, row: Row[Any], steps: list[Step]) -> Taken | None:
        """What a delivery holds. One that can't be read adds to `steps` how it ends."""
        told = Reading()
        try:
            document = read_document(row)
            told = read_told(row, document)
            return Taken(row, read_kept_event(row, document), told)
        except Exception as error:  # noqa: BLE001  a row that can't be read must not stop those behind it
            known = isinstance(error, MalformedError | orjson.JSONDecodeError)
            work = partial(self._give_up, row, str(error), []) if known else self._failed(row, error, None)
            steps.append(Step(Taken(row, None, told), work))
            return None

    def _glance(self, things: list[Taken]) -> list[Seen | Circle | None]:
        """Which of them only tell news. When that can't be told each is judged alone, in its lane."""
        events = [taken.event for taken in things if taken.event is not None]
        try:
            with self._database.reading() as connection:
                return glance(connection, events, self._understanding.may_build)
        except Exception as error:  # each is judged alone then
            logger.error("deliveries_not_looked_at", count=len(things), exc_info=None if is_outage(error) else error)
            return [None] * len(things)

    def _handle(self, things: list[Taken]) -> None:
        """Understand some deliveries of one repository."""
        try:
            for some in part_pulls(things):
                limited: list[bool] = []
                looks = [look_around(some[0].event, some[0].circle)]
                if self._keep(partial(self._understand_all, some, looks, limited)) and limited:
                    self._wake(ADMISSION)
        finally:
            self._leases.release(taken.row.id for taken in things)

    def _keep(self, understand: Callable[[], list[Step]]) -> bool:
        """Write what was understood; while the database is away, wait for it. False when that was in vain."""
        self._pressure.yield_to_doors()
        portions: list[list[Step]] = []
        steps: list[Step] | None = None
        while not self._lanes.closing:
            try:
                if steps is None:
                    steps = understand()
                    portions = [steps]
                while portions:
                    portions[:1] = self._write(portions[0])
            except Exception as error:
                if not is_outage(error):
                    raise
                logger.warning("deliveries_wait_for_database", error=str(error).partition("\n")[0])
                self._lanes.pause(1.0)
            else:
                self._wake_for(steps)
                return True
        return False

    def _wake_for(self, steps: Sequence[Step]) -> None:
        """The scheduler first: a builder waits for it, and those who follow facts are many threads in its way."""
        if any(step.seen is None for step in steps):
            self._wake("runs")
        self._wake("facts")
        if any(step.taken.told.follow_ups for step in steps):
            self._wake(FOLLOW_UPS)

    def _understand_all(self, some: list[Taken], looks: list[Looks], limited: list[bool]) -> list[Step]:
        """`looks` has what is known already, for the first time alone: when it is done again, that may be long ago."""
        known = looks.pop() if looks else Looks()
        return [Step(one, self._understand(one, known, limited)) for one in some]

    def _understand(self, taken: Taken, looks: Looks, limited: list[bool]) -> Work:
        """Adds to `limited` when builds may have to be admitted."""
        row, event = taken.row, taken.event
        try:
            if event is None:
                raise MalformedError("The kept delivery can't be read.")
            delay = _delay(row) if row.attempts < TRIES else None
            understood = self._understanding.understand(event, looks, delay=delay)
        except Exception as error:
            if is_outage(error):
                raise
            return self._failed(row, error, event)
        if understood.limited:
            limited.append(True)
        return partial(self._finish, row, taken.repository, understood)

    def _write(self, steps: list[Step]) -> list[list[Step]]:
        """All in one transaction. When that fails nothing is written, and it is to be tried in these portions.

        So only what is guilty of a failure is tried again later, and it costs the others few transactions.
        """
        now = self._clock()

        def write(connection: Connection) -> list[Ended | None]:
            news = [(step.taken.event, step.seen.late) for step in steps if step.taken.event and step.seen]
            keep_events(connection, news, now)
            results = [_do(step, connection, now) for step in steps]
            end_deliveries(connection, [ended for ended in results if ended is not None], self._owner, now)
            return results

        try:
            results = self._database.write(write, (self._tell, [step.taken.told for step in steps]))
        except Exception as error:
            if is_outage(error):
                raise
            middle = len(steps) // 2
            if middle:
                return [steps[:middle], steps[middle:]]
            taken = steps[0].taken
            failed = self._failed(taken.row, error, taken.event)
            self._database.write(lambda connection: failed(connection, now))
            return []
        for step, ended in zip(steps, results, strict=True):
            if ended is not None and step.seen is None:
                logger.info("delivery_understood", delivery=step.taken.row.guid, outcome=ended.outcome)
        return []

    def _tell(self, connection: Connection, told: list[list[Reading]]) -> None:
        """At the beginning of a transaction: what all its deliveries tell of GitHub."""
        keep_told(connection, [one for some in told for one in some], self._follow, self._clock())

    def _finish(
        self, row: Row[Any], repository: str | None, understood: Understood, connection: Connection, now: float
    ) -> Ended | None:
        outcome = understood.keep(connection, now)
        if understood.waits is not None:
            self._try_again(row, understood.waits, connection, now)
            return None
        return Ended(row.id, repository, outcome)

    def _failed(self, row: Row[Any], error: Exception, event: Event | None) -> Work:
        """A fault of ours: tried again, and given up when it stays."""
        logger.error("delivery_failed", delivery=row.guid, exc_info=error)
        why = f"{type(error).__name__}: {error}"
        if row.attempts < TRIES:
            return partial(self._try_again, row, why)
        return partial(self._give_up, row, why, self._find_waiting(event))

    def _find_waiting(self, event: Event | None) -> list[int]:
        """The builds that wait for the event to be understood; they show already, and would wait for ever."""
        try:
            return self._understanding.find_waiting(event) if event is not None else []
        except Exception:  # what broke the delivery may break this too, and it must end
            logger.exception("waiting_builds_not_found")
            return []

    def _try_again(self, row: Row[Any], why: str, connection: Connection, now: float) -> None:
        queues.retry_at(connection, delivery, row.id, self._owner, now + _delay(row), why)

    def _give_up(self, row: Row[Any], why: str, waiting: list[int], connection: Connection, now: float) -> None:
        queues.give_up(connection, delivery, row.id, self._owner, now, why)
        keep_outcome(connection, row.id, row.repository, why)
        if row.source == MANUAL and (build_id := read_build_of_wish(row.guid)) is not None:
            waiting = [build_id]
        for build_id in waiting:
            give_up_waiting(connection, build_id, now, why)
        data: dict[str, object] = {"delivery": row.guid, "reason": why}
        keep_facts(connection, [Fact(kind=FactKind.DELIVERY_FAILED, at=now, data=data)])


def _end_seen(taken: Taken, seen: Seen, _connection: Connection, _now: float) -> Ended:
    return Ended(taken.row.id, taken.repository, seen.outcome)


def _delay(row: Row[Any]) -> float:
    """Seconds until a delivery that can't be understood yet is tried again."""
    return backoff(row.attempts, base=2.0, cap=600.0, jitter=(row.id % 100) / 100)


def _do(step: Step, connection: Connection, now: float) -> Ended | None:
    """What is logged on the way names the delivery; news are only noted."""
    if step.seen is not None:
        return step.work(connection, now)
    with bound_contextvars(delivery=step.taken.row.guid):
        return step.work(connection, now)
