"""Deliveries are claimed so that those of one repository are worked on by one process at a time, in their order.

A lane is no row of its own: who has leased a delivery of a repository holds its lane, for as long as that lease lasts.
So a lane costs no write, ends with the work in it, and that of a killed process ends with its leases.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from hubwright.store import queues
from hubwright.store.moments import Moment
from hubwright.store.queues import AT_ONCE, form_lease, is_open
from hubwright.store.schema import delivery

AHEAD = 4
"""Times `limit` of due rows that are looked at: the first of them may be others', or claimed in this moment."""

_NOW: BindParameter[float] = bindparam("now", type_=Moment())
_LEASED: ColumnElement[str] = literal_column("'leased'")


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
    held = _form_held()
    due = _form_due(held, limit * AHEAD)
    locked = _form_locked(held, due, limit)
    mine = due.c.id.in_(select(locked.c.id))
    all_before = func.bool_and(mine | due.c.repository.is_(None)).over(
        partition_by=due.c.repository, order_by=(due.c.next_try_at, due.c.id)
    )
    looked = select(due.c.id, mine.label("mine"), all_before.label("all_before")).where(_is_free(due, held)).subquery()
    # what stands behind one that could not be locked stays: that is another's since this statement began
    chosen = select(looked.c.id).where(looked.c.mine, looked.c.all_before)
    return form_lease(delivery).where(delivery.c.id.in_(chosen)).returning(*delivery.c)


def _form_held() -> CTE:
    """What is leased, also by those whose leases have run out."""
    fresh: BindParameter[float] = bindparam("fresh", type_=Moment())
    return (
        select(delivery.c.repository, delivery.c.next_try_at, delivery.c.lease_owner)
        .where(
            is_open(delivery),
            delivery.c.next_try_at > fresh,  # what waits for its first try is no part of this look at the index
            delivery.c.state == _LEASED,
            delivery.c.repository.is_not(None),
        )
        .cte("held")
    )


def _form_due(held: CTE, most: int) -> CTE:
    """The first of what is due, longest due first."""
    return (
        select(delivery.c.id, delivery.c.repository, delivery.c.next_try_at)
        .where(is_open(delivery), delivery.c.next_try_at <= _NOW, _is_next(held))
        .order_by(delivery.c.next_try_at, delivery.c.id)
        .limit(literal_column(str(most)))
        .cte("due")
    )


def _form_locked(held: CTE, due: CTE, most: int) -> CTE:
    """Those of them that are free, and that nobody else has locked.

    They are not looked for by their numbers: PostgreSQL can't know how few these are, and would compare all with all.
    """
    last = (
        select(due.c.next_try_at, due.c.id)
        .order_by(due.c.next_try_at.desc(), due.c.id.desc())
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    among = tuple_(delivery.c.next_try_at, delivery.c.id) <= last
    return (
        select(delivery.c.id)
        .where(is_open(delivery), delivery.c.next_try_at <= _NOW, among, _is_next(held), _is_free(delivery, held))
        .order_by(delivery.c.next_try_at, delivery.c.id)
        .limit(literal_column(str(most)))
        .with_for_update(skip_locked=True)
        .cte("locked")
    )


def _is_next(held: CTE) -> ColumnElement[bool]:
    """Whether nothing is left in the row's lane, by a process that is gone, that must be claimed before it."""
    left = select(held.c.repository).where(held.c.next_try_at <= _NOW)
    return or_(delivery.c.repository.is_(None), delivery.c.state == _LEASED, delivery.c.repository.not_in(left))


def _is_free(row: FromClause, held: CTE) -> ColumnElement[bool]:
    """Whether nobody else holds the row's lane."""
    elsewhere = select(held.c.repository).where(held.c.next_try_at > _NOW, held.c.lease_owner != bindparam("owner"))
    return or_(row.c.repository.is_(None), row.c.repository.not_in(elsewhere))
