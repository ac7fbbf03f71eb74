"""Leases on reports: who tells which target, and what becomes of what was told.

A target is due when none of its open reports waits for a later time: a report that failed, or that somebody sends at
this moment, holds back the ones behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import BindParameter, Connection, CursorResult, Row, bindparam, func, select, update

from hubwright.store.moments import Moment
from hubwright.store.queues import ERROR_LENGTH
from hubwright.store.reports import OPEN, OPEN_TARGETS
from hubwright.store.schema import fact, report

_LAST_DUE = func.max(report.c.next_try_at)
_WAITING = (
    OPEN_TARGETS.add_columns(_LAST_DUE.label("due"), (bindparam("now", type_=Moment()) >= _LAST_DUE).label("is_due"))
    .order_by(_LAST_DUE, func.min(report.c.id))
    .limit(bindparam("most"))
)
_PLACES = (
    select(report.c.id, func.row_number().over(partition_by=report.c.target, order_by=report.c.fact_id).label("place"))
    .where(OPEN, report.c.reporter == bindparam("who"), report.c.target.in_(bindparam("targets", expanding=True)))
    .subquery()
)
_OLDEST = (
    # compared in the database, in whose microseconds `load_targets` compares too
    select(report, fact.c.build_id, (report.c.next_try_at > bindparam("now", type_=Moment())).label("later"))
    .join(fact, fact.c.id == report.c.fact_id, isouter=True)
    .where(OPEN, report.c.id.in_(select(_PLACES.c.id).where(_PLACES.c.place <= bindparam("most"))))
    .order_by(report.c.target, report.c.fact_id)
    .with_for_update(of=report)
)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_OWNER: BindParameter[Any] = bindparam("owner")
_UNTIL: BindParameter[Any] = bindparam("until", type_=Moment())
_LEASE = (
    update(report)
    .where(report.c.id.in_(_IDS))
    .values(
        state="leased",
        lease_owner=_OWNER,
        lease_until=_UNTIL,
        next_try_at=_UNTIL,
        attempts=report.c.attempts + 1,
    )
)
_MINE = (report.c.id.in_(_IDS), report.c.state == "leased", report.c.lease_owner == _OWNER)
_FINISH = (
    update(report)
    .where(*_MINE)
    .values(state="done", finished_at=bindparam("now", type_=Moment()), error=None, lease_until=None)
    .returning(report.c.id)
)
_FINISH_GIVEN_UP = (
    update(report)
    .where(
        report.c.reporter == bindparam("who"),
        report.c.target.in_(bindparam("targets", expanding=True)),
        report.c.state == "failed",
    )
    .values(state="done")
)


@dataclass(frozen=True, slots=True)
class Held:
    """The reports to one target under one lease, oldest first; `said` is what its reporter remembers of the target.

    `builds` are those that they tell of.
    `most_attempts` and `least_attempts` are those of the oldest and of the newest report, this one included.
    """

    reporter: str
    target: str
    ids: tuple[int, ...]
    bodies: tuple[dict[str, Any], ...]
    most_attempts: int
    least_attempts: int
    said: dict[str, Any]
    remembered: bool = False  # whether there was anything at first
    builds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A target that something waits for; due at a Unix time, and whether that has come."""

    target: str
    due: float
    is_due: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds reports, from `now` until `until`, Unix times."""

    owner: str
    now: float
    until: float


def load_targets(connection: Connection, name: str, now: float, limit: int) -> list[Waiting]:
    """The targets that something waits for, the first one due first."""
    rows = connection.execute(_WAITING, {"who": name, "now": now, "most": limit})
    return [Waiting(row.target, row.due, bool(row.is_due)) for row in rows]


def hold_targets(
    connection: Connection, name: str, targets: Sequence[str], lease: Lease, *, limit: int, remembers: bool = True
) -> list[Held]:
    """Lease the oldest open reports to each target, at most `limit`; without those not due or that somebody has."""
    given = {"who": name, "targets": targets, "now": lease.now, "most": limit}
    rows = connection.execute(_OLDEST, given).all()
    grouped = {target: list(some) for target, some in groupby(rows, key=lambda row: str(row.target))}
    free = {target: some for target, some in grouped.items() if not any(row.later for row in some)}
    if not free:
        return []
    ids = [row.id for some in free.values() for row in some]
    connection.execute(_LEASE, {"ids": ids, "owner": lease.owner, "until": lease.until})
    said = {
        target: _load_said(connection, name, target, some[-1].fact_id, limit) if remembers else {}
        for target, some in free.items()
    }
    return [_held(some, said[target]) for target, some in free.items()]


def _held(rows: Sequence[Row[Any]], said: dict[str, Any]) -> Held:
    return Held(
        reporter=rows[0].reporter,
        target=rows[0].target,
        ids=tuple(row.id for row in rows),
        bodies=tuple(row.body.get("body", {}) for row in rows),  # a damaged one: its reporter gives it up
        most_attempts=max(row.attempts for row in rows) + 1,
        least_attempts=min(row.attempts for row in rows) + 1,
        said=said,
        remembered=bool(said),
        builds=tuple(sorted({row.build_id for row in rows if row.build_id is not None})),
    )


def _load_said(connection: Connection, name: str, target: str, newest: int, limit: int) -> dict[str, Any]:
    """What was remembered last: on one of the reports held, else on the one before them."""
    rows = connection.execute(
        select(report.c.body)
        .where(report.c.reporter == name, report.c.target == target, report.c.fact_id <= newest)
        .order_by(report.c.fact_id.desc())
        .limit(limit + 1)
    )
    return next((row.body["said"] for row in rows if "said" in row.body), {})


def renew_targets(connection: Connection, name: str, targets: Sequence[str], owner: str, until: float) -> None:
    """Hold what `owner` holds of these targets until Unix time `until`."""
    held = (report.c.state == "leased", report.c.lease_owner == owner)
    connection.execute(
        update(report)
        .where(report.c.reporter == name, report.c.target.in_(targets), *held)
        .values(lease_until=until, next_try_at=until)
    )


def finish_reports(connection: Connection, held: Sequence[Held], owner: str, now: float) -> list[Held]:
    """All was told, and with it what had been given up before. Gives those whose lease was not lost meanwhile."""
    ids = [number for one in held for number in one.ids]
    settled = _keep_said(connection, held, connection.execute(_FINISH, {"ids": ids, "owner": owner, "now": now}))
    if settled:
        of_them = {"who": settled[0].reporter, "targets": [one.target for one in settled]}
        connection.execute(_FINISH_GIVEN_UP, of_them)
    return settled


def give_up_reports(connection: Connection, held: Held, owner: str, now: float, error: str) -> bool:
    """It can't be told, for the reason `error`. False, and nothing changed, when the lease is lost."""
    values = {"state": "failed", "finished_at": now, "error": error[:ERROR_LENGTH]}
    return bool(_settle(connection, [held], owner, values))


def retry_reports(
    connection: Connection, held: Held, owner: str, at: float, error: str | None, *, counted: bool = True
) -> bool:
    """Tell it again at Unix time `at`; unless `counted` this was no attempt. False when the lease is lost."""
    attempts = report.c.attempts if counted else report.c.attempts - 1
    why = None if error is None else error[:ERROR_LENGTH]
    values = {"state": "waiting", "next_try_at": at, "error": why, "attempts": attempts}
    return bool(_settle(connection, [held], owner, values))


def _settle(connection: Connection, held: Sequence[Held], owner: str, values: dict[str, Any]) -> list[Held]:
    """End the leases on what one reporter held; those that were not lost."""
    ids = [number for one in held for number in one.ids]
    mine = (report.c.id.in_(ids), report.c.state == "leased", report.c.lease_owner == owner)
    query = update(report).where(*mine).values(values | {"lease_until": None}).returning(report.c.id)
    return _keep_said(connection, held, connection.execute(query))


def _keep_said(connection: Connection, held: Sequence[Held], ended: CursorResult[Any]) -> list[Held]:
    """Keep what is remembered of those whose lease has `ended`, by their ids; these."""
    kept = set(ended.scalars())
    settled = [one for one in held if not kept.isdisjoint(one.ids)]
    for one in settled:
        if one.said or one.remembered:
            # The memory lies on the newest of the reports held: what comes later looks back to it.
            body = {"body": one.bodies[-1], "said": one.said}
            connection.execute(update(report).where(report.c.id == one.ids[-1]).values(body=body))
    return settled
