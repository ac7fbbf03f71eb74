"""Walk 2: kept deliveries are understood, and what they lead to is written, many in one transaction.

Deliveries of one repository are understood in their order; a repository that does not answer delays no other. What a
delivery tells of GitHub goes into the copy in the same transaction; those that tell no more are written many at once.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.backoff import backoff
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.replica import Reading
from hubwright.domain.repos import ApprovalComment, Event, Other, PullRequestEvent
from hubwright.errors import MalformedError
from hubwright.github.payloads import read_event
from hubwright.hub.backfill import BACKFILL, read_backfill
from hubwright.hub.builds import give_up_waiting
from hubwright.hub.copying import Follow, follow_nothing, keep_told, read_told
from hubwright.hub.lanes import Lanes
from hubwright.hub.leases import LeaseKeeper
from hubwright.hub.pressure import Pressure
from hubwright.hub.understanding import Understanding, Understood
from hubwright.hub.wishes import MANUAL, read_build_of_wish, read_manual
from hubwright.store import queues
from hubwright.store.database import Database, is_outage
from hubwright.store.deliveries import Ended, end_deliveries, keep_outcome, read_body
from hubwright.store.facts import keep_facts
from hubwright.store.schema import delivery

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

INSIDE = 256
"""Deliveries that are held in memory at once; the others wait as rows."""

logger = structlog.get_logger()

Work = Callable[[Connection, float], Ended | None]
"""Writes what a delivery leads to; that it is done with, or None when it is tried again or given up."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery, what it asks for, and what it tells of GitHub."""

    row: Row[Any]
    event: Event
    told: Reading


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
        """Take all that is due; when the next is due, Unix seconds, or None."""
        while self._take():
            pass
        with self._database.reading() as connection:
            return queues.next_due(connection, delivery)

    def _take(self) -> bool:
        self._pressure.yield_to_doors()
        claim = partial(
            queues.claim,
            table=delivery,
            owner=self._owner,
            now=self._clock(),
            lease_seconds=LEASE,
            limit=BATCH,
        )
        rows = self._database.write(claim)
        telling = [taken for row in rows if (taken := self._line_up(row)) is not None]
        if telling:
            self._keep(telling)
        return len(rows) == BATCH and not self._lanes.closing

    def _line_up(self, row: Row[Any]) -> Taken | None:
        """Have it understood; one that only tells comes back."""
        told = Reading()
        try:
            document = _read(row)
            told = read_told(row, document)
            event = _read_event(row, document)
        except Exception as error:  # noqa: BLE001  a row that can't be read must not stop those behind it
            known = isinstance(error, MalformedError | orjson.JSONDecodeError)
            work = partial(self._give_up, row, str(error), []) if known else self._failed(row, error, None)
            self._database.write(lambda connection: work(connection, self._clock()), (self._end, ([told], [])))
            return None
        taken = Taken(row, event, told)
        if isinstance(event, Other):
            return taken
        self._lanes.enter(event.repository.full_name if event.repository is not None else "", taken)
        return None

    def _handle(self, things: list[Taken]) -> None:
        """Understand some deliveries of one repository."""
        for some in _split(things):
            if self._keep(some):
                self._wake("runs")

    def _keep(self, things: list[Taken]) -> bool:
        """Understand deliveries and write it; while the database is away, wait for it. False when that was in vain."""
        self._pressure.yield_to_doors()
        while not self._lanes.closing:
            try:
                self._write([(taken, self._understand(taken.row, taken.event)) for taken in things])
            except Exception as error:
                if not is_outage(error):
                    raise
                why = str(error).partition("\n")[0]
                logger.warning("deliveries_wait_for_database", count=len(things), error=why)
                self._lanes.pause(1.0)
            else:
                self._wake("facts")
                return True
        return False

    def _understand(self, row: Row[Any], event: Event) -> Work:
        try:
            understood = self._understanding.understand(event, delay=_delay(row) if row.attempts < TRIES else None)
        except Exception as error:
            if is_outage(error):
                raise
            return self._failed(row, error, event)
        name = event.repository.full_name if event.repository is not None else None
        return partial(self._finish, row, name, understood)

    def _write(self, works: list[tuple[Taken, Work]]) -> None:
        """All in one transaction; when that fails, each in its own, so that only the guilty one is tried again."""
        now = self._clock()
        ended: list[Ended] = []

        def write(connection: Connection) -> None:
            results = [work(connection, now) for _, work in works]
            ended[:] = [result for result in results if result is not None]

        try:
            self._database.write(write, (self._end, ([taken.told for taken, _ in works], ended)))
        except Exception as error:
            if is_outage(error):
                raise
            if len(works) > 1:
                for single in works:
                    self._write([single])
            else:
                ((taken, _),) = works
                failed = self._failed(taken.row, error, taken.event)
                self._database.write(lambda connection: failed(connection, now))

    def _end(self, connection: Connection, told: list[tuple[list[Reading], list[Ended]]]) -> None:
        """At the end of a transaction, of all its deliveries: what they tell of GitHub, and that they are done with."""
        now = self._clock()
        keep_told(connection, [one for some, _ in told for one in some], self._follow, now)
        end_deliveries(connection, [one for _, ended in told for one in ended], self._owner, now)

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
        keep_outcome(connection, row.id, None, why)
        if row.source == MANUAL and (build_id := read_build_of_wish(row.guid)) is not None:
            waiting = [build_id]
        for build_id in waiting:
            give_up_waiting(connection, build_id, now, why)
        data: dict[str, object] = {"delivery": row.guid, "reason": why}
        keep_facts(connection, [Fact(kind=FactKind.DELIVERY_FAILED, at=now, data=data)])


def _split(things: list[Taken]) -> list[list[Taken]]:
    """Who asks how a pull request stands comes after what was told of it has been kept."""
    parts: list[list[Taken]] = [[]]
    told: set[int] = set()
    for taken in things:
        if isinstance(taken.event, PullRequestEvent | ApprovalComment):
            if taken.event.number in told:
                parts.append([])
                told = set()
            told.add(taken.event.number)
        parts[-1].append(taken)
    return parts


def _delay(row: Row[Any]) -> float:
    """Seconds until a delivery that can't be understood yet is tried again."""
    return backoff(row.attempts, base=2.0, cap=600.0, jitter=(row.id % 100) / 100)


def _read(row: Row[Any]) -> dict[str, Any]:
    """The delivery's document. Raises MalformedError."""
    try:
        document = orjson.loads(read_body(row.body))
    except (zlib.error, ValueError) as error:  # a row that was damaged must not stop its queue
        raise MalformedError(f"The kept delivery can't be read: {error}.") from error
    if not isinstance(document, dict):
        raise MalformedError("The kept delivery is not an object.")
    return document


def _read_event(row: Row[Any], document: dict[str, Any]) -> Event:
    """The event; what this hub asks of itself has a source that no webhook can claim. Raises MalformedError."""
    try:
        if row.source == MANUAL:
            return read_backfill(document) if row.event == BACKFILL else read_manual(document)
        return read_event(row.event, document)
    except (ValueError, KeyError, TypeError) as error:
        raise MalformedError(f"The kept delivery can't be read: {error}.") from error
