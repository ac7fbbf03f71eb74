"""How many deliveries came, how many had to be recovered or are missing, and how far that is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from hubwright.store.healing import GITHUB
from hubwright.store.schema import delivery, missed_delivery, watch

_OF_GITHUB = watch.c.what != "git"  # what git is asked for tells of no deliveries

UNSEEN = 20
"""Watches that could not be looked at that are told with their reasons."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unseen:
    """A watch whose last look failed; `refused`: until a person changes something. It is tried again at `due`."""

    what: str
    place: str
    why: str
    refused: bool
    due: float


@dataclass(frozen=True, kw_only=True, slots=True)
class HealFigures:
    """What came since some moment, and how far that is known.

    `looked_at` is of the watch that waits longest; None: not all were looked at. `unseen` are some of the
    `unseen_count` watches whose last look failed; `unlooked` of them were never looked at and nothing failed;
    `behind` were not tried since a person has asked for it.
    """

    delivered: int
    recovered: int
    missing: int
    watches: int
    unlooked: int
    behind: int
    looked_at: float | None
    unseen_count: int
    unseen: tuple[Unseen, ...]


def load_figures(connection: Connection, since: float) -> HealFigures:
    """How many deliveries came since then, how many had to be recovered, how many are missing still."""
    # The watches first, and in one question what was missed: a look that ends meanwhile takes nothing out of both.
    never = and_(watch.c.looked_at.is_(None), watch.c.error.is_(None))
    behind = and_(watch.c.asked_at.is_not(None), or_(watch.c.tried_at.is_(None), watch.c.tried_at < watch.c.asked_at))
    counts = [func.count().filter(each) for each in (watch.c.looked_at.is_(None), never, behind, watch.c.error != "")]
    told: Any = connection.execute(select(func.count(), func.min(watch.c.looked_at), *counts).where(_OF_GITHUB)).one()
    watches, oldest, unknown, unlooked, waiting, failed = told
    open_since = missed_delivery.c.recovered_at.is_(None) & (missed_delivery.c.delivered_at >= since)
    missed = [
        select(func.count()).select_from(missed_delivery).where(each).scalar_subquery()
        for each in (missed_delivery.c.recovered_at >= since, open_since)
    ]
    lost: Any = connection.execute(select(*missed)).one()
    recovered, missing = lost
    came = select(func.count()).select_from(delivery).where(delivery.c.received_at >= since)
    return HealFigures(
        delivered=connection.execute(came.where(delivery.c.source == GITHUB)).scalar_one(),
        recovered=recovered,
        missing=missing,
        watches=watches,
        unlooked=unlooked,
        behind=waiting,
        looked_at=oldest if watches and not unknown else None,
        unseen_count=failed,
        unseen=tuple(_load_unseen(connection)) if failed else (),
    )


def _load_unseen(connection: Connection) -> Iterator[Unseen]:
    """What could not be looked at, by place."""
    columns = (watch.c.what, watch.c.place, watch.c.error, watch.c.told, watch.c.next_try_at)
    failed = select(*columns).where(_OF_GITHUB, watch.c.error.is_not(None))
    rows = connection.execute(failed.order_by(watch.c.place, watch.c.what))
    for row in rows.fetchmany(UNSEEN):
        refused = bool(row.told.get("refused"))
        yield Unseen(what=row.what, place=row.place, why=row.error, refused=refused, due=row.next_try_at)


def list_watches(connection: Connection, limit: int) -> list[Row[Any]]:
    """Every watch, by place."""
    return list(connection.execute(select(watch).order_by(watch.c.place, watch.c.what).limit(limit)))


def list_missing(connection: Connection, limit: int) -> list[Row[Any]]:
    """What did not arrive, the newest first; what is missing still before the rest."""
    order = (missed_delivery.c.recovered_at.isnot(None), missed_delivery.c.delivered_at.desc())
    return list(connection.execute(select(missed_delivery).order_by(*order).limit(limit)))
