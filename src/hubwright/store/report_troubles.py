"""Reports that could not be told: those that were given up, and those that are tried again; those that were told;
and sending them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal_column, select, update

from hubwright.errors import ConflictError, NotFoundError
from hubwright.store.reports import OPEN
from hubwright.store.schema import report, reporter
from hubwright.store.views import bounded
from hubwright.store.views_values import BuildView, Page

GIVEN_UP: ColumnElement[bool] = report.c.state == literal_column("'failed'")  # in the words of its index
DELAYED: ColumnElement[bool] = OPEN & report.c.error.is_not(None)

OF_EVENTS = ("notices", "mails")
"""Reporters that tell each end of a build: they can be had to tell one again that was told."""

AGAIN = "again"
"""Marks the body of a report that somebody wants to be told though it was told: when they said so, Unix seconds."""

LOOKED_AT = 2_000
"""Reports that are looked at for a page of those that were told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """The reports of one reporter to one target that were given up, or are tried again at `next_try_at`.

    `id`, `reason` and `build` are those of the newest of these `count` reports; times are Unix seconds. `told`: it is
    one report, and was told.
    """

    id: int
    reporter: str
    target: str
    given_up: bool
    count: int
    attempts: int
    reason: str
    next_try_at: float | None
    ended_at: float | None
    told: bool = False
    build: int | None = None


def load_troubles(
    connection: Connection, *, given_up: bool | None = None, limit: int = 50, cursor: int | None = None
) -> Page[Trouble]:
    """What could not be told, newest first; with `given_up` only what is not tried again, or only what is."""
    wanted = GIVEN_UP | DELAYED if given_up is None else GIVEN_UP if given_up else DELAYED
    size = bounded(limit)
    query = _group(wanted).order_by(func.max(report.c.id).desc()).limit(size + 1)
    if cursor is not None:
        query = query.having(func.max(report.c.id) < cursor)
    found = _load(connection, query)
    return Page(found[:size], found[size - 1].id if len(found) > size else None)


def load_told(
    connection: Connection, *, of: str | None = None, target: str | None = None, limit: int = 50,
    cursor: int | None = None,
) -> Page[Trouble]:  # fmt: skip
    """What was told, one by one and the newest first; of this reporter and target. A page may have fewer than there
    are: at most `LOOKED_AT` reports are looked at.
    """
    looked = select(report).order_by(report.c.id.desc()).limit(LOOKED_AT)
    rows = connection.execute(looked if cursor is None else looked.where(report.c.id < cursor)).all()
    wanted = [
        row for row in rows if row.state == "done" and of in {None, row.reporter} and target in {None, row.target}
    ]
    size = bounded(limit)
    found = tuple(_read(row, 1) for row in wanted[:size])
    if len(wanted) > size:
        return Page(found, found[-1].id)
    return Page(found, rows[-1].id if len(rows) == LOOKED_AT else None)


def load_troubles_of(connection: Connection, build: BuildView) -> tuple[Trouble, ...]:
    """What could not be told of a build's commit, its branch's pull requests and its job."""
    targets = [f"{build.repository}@{build.sha}", f"{build.repository} {build.branch}", build.job]
    mine = report.c.reporter.in_(select(reporter.c.name)) & report.c.target.in_(targets)
    return _load(connection, _group(mine & (GIVEN_UP | DELAYED)).order_by(func.max(report.c.id)))


def count_given_up(connection: Connection) -> tuple[int, str | None]:
    """How many targets were not told, and the newest reason."""
    told = load_troubles(connection, given_up=True, limit=1).items
    targets = select(report.c.reporter, report.c.target).where(GIVEN_UP).distinct().subquery()
    count = connection.execute(select(func.count()).select_from(targets)).scalar_one()
    return count, told[0].reason if told else None


def send_again(connection: Connection, number: int, now: float) -> str:
    """Have told what was given up for the target of this report, or once more what was told to a receiver; the target.

    Raises NotFoundError, ConflictError.
    """
    row = connection.execute(select(report).where(report.c.id == number)).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no report {number}.")
    if not (_open_again(connection, [row], now) or _open_told(connection, row, now)):
        raise ConflictError(f"Report {number} was not given up, and what was told can be told again to receivers only.")
    return str(row.target)


def send_all_again(connection: Connection, troubles: Sequence[Trouble], now: float) -> int:
    """Have all told that was given up for the targets of these; how many reports."""
    return _open_again(connection, troubles, now)


def _open_again(connection: Connection, targets: Sequence[Row[Any] | Trouble], now: float) -> int:
    """At once, with as many attempts as a new one; what a reporter remembers of the target stays."""
    values = {"state": "waiting", "attempts": 0, "next_try_at": now, "finished_at": None}
    count = 0
    for one in targets:
        mine = (GIVEN_UP, report.c.reporter == one.reporter, report.c.target == one.target)
        count += connection.execute(update(report).where(*mine).values(values)).rowcount
    return count


def _open_told(connection: Connection, row: Row[Any], now: float) -> int:
    """A report that was told, one of those that tell an event."""
    values = {"state": "waiting", "attempts": 0, "next_try_at": now, "finished_at": None}
    wanted = (report.c.id == row.id, report.c.state == "done", report.c.reporter.in_(OF_EVENTS))
    again = (
        update(report)
        .where(*wanted)
        .values(**values, body={**row.body, "body": {**row.body.get("body", {}), AGAIN: now}})
    )
    return connection.execute(again).rowcount


def _group(wanted: ColumnElement[bool]) -> Select[Any, int]:
    """Target by target; the newest report stands for all, for it is what a reporter would tell."""
    return (
        select(func.max(report.c.id).label("id"), func.count().label("amount"))
        .where(wanted)
        .group_by(report.c.reporter, report.c.target, GIVEN_UP)
    )


def _load(connection: Connection, query: Select[Any, int]) -> tuple[Trouble, ...]:
    counts = {row.id: row.amount for row in connection.execute(query)}
    rows = {row.id: row for row in connection.execute(select(report).where(report.c.id.in_(counts)))}
    return tuple(_read(rows[number], count) for number, count in counts.items() if number in rows)


def _read(row: Row[Any], count: int) -> Trouble:
    given_up, told = row.state == "failed", row.state == "done"
    return Trouble(
        id=row.id,
        reporter=row.reporter,
        target=row.target,
        given_up=given_up,
        count=count,
        attempts=row.attempts,
        reason=row.error or "",
        next_try_at=None if given_up or told else row.next_try_at,
        ended_at=row.finished_at,
        told=told,
        build=row.body.get("body", {}).get("build"),
    )
