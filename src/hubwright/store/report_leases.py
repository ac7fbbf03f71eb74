"""Leases on reports: who tells which target, and what becomes of what was told.

A target is due when none of its open reports waits for a later time: a report that failed, or that somebody sends at
this moment, holds back the ones behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from hubwright.store.queues import ERROR_LENGTH
from hubwright.store.reports import OPEN, open_targets
from hubwright.store.schema import fact, report


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
    due = func.max(report.c.next_try_at)
    query = open_targets(name).add_columns(due.label("due"), (due <= now).label("is_due"))
    rows = connection.execute(query.order_by(due, func.min(report.c.id)).limit(limit))
    return [Waiting(row.target, row.due, bool(row.is_due)) for row in rows]


def hold_targets(
    connection: Connection, name: str, targets: Sequence[str], lease: Lease, *, limit: int, remembers: bool = True
) -> list[Held]:
    """Lease the oldest open reports to each target, at most `limit`; without those not due or that somebody has."""
    oldest = select(report.c.id, func.row_number().over(partition_by=report.c.target, order_by=report.c.fact_id))
    open_ones = oldest.where(OPEN, report.c.reporter == name, report.c.target.in_(targets)).subquery()
    rows = connection.execute(
        # compared in the database, in whose microseconds `load_targets` compares too
        select(report, fact.c.build_id, (report.c.next_try_at > lease.now).label("later"))
        .join(fact, fact.c.id == report.c.fact_id, isouter=True)
        .where(OPEN, report.c.id.in_(select(open_ones.c[0]).where(open_ones.c[1] <= limit)))
        .order_by(report.c.target, report.c.fact_id)
        .with_for_update(of=report)
    ).all()
    grouped = {target: list(some) for target, some in groupby(rows, key=lambda row: str(row.target))}
    free = {target: some for target, some in grouped.items() if not any(row.later for row in some)}
    if not free:
        return []
    connection.execute(
        update(report)
        .where(report.c.id.in_([row.id for some in free.values() for row in some]))
        .values(
            state="leased", lease_owner=lease.owner, lease_until=lease.until, next_try_at=lease.until,
            attempts=report.c.attempts + 1,
        )
    )  # fmt: skip
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
    settled = _settle(connection, held, owner, {"state": "done", "finished_at": now, "error": None})
    if settled:
        given_up = report.c.target.in_([one.target for one in settled]), report.c.state == "failed"
        connection.execute(
            update(report).where(report.c.reporter == settled[0].reporter, *given_up).values(state="done")
        )
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
    kept = set(connection.execute(query).scalars())
    settled = [one for one in held if not kept.isdisjoint(one.ids)]
    for one in settled:
        if one.said or one.remembered:
            # The memory lies on the newest of the reports held: what comes later looks back to it.
            body = {"body": one.bodies[-1], "said": one.said}
            connection.execute(update(report).where(report.c.id == one.ids[-1]).values(body=body))
    return settled
