"""Deliveries are claimed so that those of one repository are worked on by one process at a time, in their order.

A lane is no row of its own: who has leased a delivery of a repository holds its lane, for as long as that lease lasts.
So a lane costs no write, ends with the work in it, and that of a killed process ends with its leases.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import CTE, BindParameter, Connection, Row, bindparam, exists, literal_column, or_, select, tuple_

from hubwright.store import queues
from hubwright.store.moments import Moment
from hubwright.store.queues import AT_ONCE, form_lease, is_open
from hubwright.store.schema import delivery

AHEAD = 4
"""Times `limit` of due rows that are looked at: others may be claiming the first of them in this moment."""

_NOW: BindParameter[float] = bindparam("now", type_=Moment())
_FRESH: BindParameter[float] = bindparam("fresh", type_=Moment())


def claim_deliveries(
    connection: Connection, owner: str, now: float, *, lease_seconds: float, limit: int
) -> list[Row[Any]]:
    """As `queues.claim`, but none of a repository of which another process holds or is claiming an earlier one.

    Of those whose lease has run out the later ones wait until they are claimed again. What is tried again later has
    left its lane meanwhile. A database of SQLite belongs to one process, whose own lanes keep the order.
    """
    if connection.dialect.name == "sqlite":
        return queues.claim(connection, delivery, owner, now, lease_seconds=lease_seconds, limit=limit)
    values = {"owner": owner, "now": now, "until": now + lease_seconds, "fresh": AT_ONCE}
    return sorted(connection.execute(_claim(limit), values).all(), key=lambda row: int(row.id))


@cache
def _claim(limit: int) -> Any:
    """Built once: that costs more than to run it. The bounds are numbers in it, so that no plan has to guess them."""
    candidate = _form_candidates(limit * AHEAD)
    locked = (
        select(delivery.c.id, delivery.c.repository, delivery.c.next_try_at)
        .where(delivery.c.id.in_(select(candidate.c.id)), is_open(delivery), delivery.c.next_try_at <= _NOW)
        .order_by(delivery.c.next_try_at, delivery.c.id)
        .limit(literal_column(str(limit)))
        .with_for_update(skip_locked=True)
        .cte("locked")
    )
    missed = (  # in another's hands since this statement began
        select(candidate.c.repository, candidate.c.next_try_at, candidate.c.id)
        .where(candidate.c.repository.is_not(None), candidate.c.id.not_in(select(locked.c.id)))
        .cte("missed")
    )
    before = tuple_(missed.c.next_try_at, missed.c.id) < tuple_(locked.c.next_try_at, locked.c.id)
    behind = exists().where(missed.c.repository == locked.c.repository, before)
    return form_lease(delivery).where(delivery.c.id.in_(select(locked.c.id).where(~behind))).returning(*delivery.c)


def _form_candidates(most: int) -> CTE:
    """What is due of lanes that nobody else holds, longest due first."""
    held = (
        select(delivery.c.repository, delivery.c.next_try_at, delivery.c.lease_owner)
        .where(
            is_open(delivery),
            delivery.c.next_try_at > _FRESH,  # what waits for its first try is no part of this look at the index
            delivery.c.state == literal_column("'leased'"),
            delivery.c.repository.is_not(None),
        )
        .cte("held")
    )
    elsewhere = select(held.c.repository).where(held.c.next_try_at > _NOW, held.c.lease_owner != bindparam("owner"))
    lost = select(held.c.repository).where(held.c.next_try_at <= _NOW)
    first = or_(delivery.c.state == literal_column("'leased'"), delivery.c.repository.not_in(lost))
    return (
        select(delivery.c.id, delivery.c.repository, delivery.c.next_try_at)
        .where(
            is_open(delivery),
            delivery.c.next_try_at <= _NOW,
            or_(delivery.c.repository.is_(None), delivery.c.repository.not_in(elsewhere) & first),
        )
        .order_by(delivery.c.next_try_at, delivery.c.id)
        .limit(literal_column(str(most)))
        .cte("candidate")
    )
