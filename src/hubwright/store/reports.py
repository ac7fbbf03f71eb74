"""Reports that wait, target by target, and how far each reporter has read the facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.facts import Fact, FactKind
from hubwright.store.queues import AT_ONCE
from hubwright.store.schema import fact, job, report, reporter
from hubwright.store.views import MAX_PAGE, load_builds
from hubwright.store.views_values import BuildFilter, BuildView

OPEN: ColumnElement[bool] = report.c.state.in_([literal_column("'waiting'"), literal_column("'leased'")])
"""Said in the words of the partial index, so that it is used."""

_FAILED = report.c.state == literal_column("'failed'")

_CURSORS = select(reporter)
_NEWEST = select(func.max(fact.c.id))
_FACTS = select(fact).where(fact.c.id > bindparam("after")).order_by(fact.c.id).limit(bindparam("most"))
_MOVE = (
    update(reporter)
    .where(reporter.c.name == bindparam("who"), reporter.c.cursor == bindparam("before"))
    .values(cursor=bindparam("newest"))
)
OPEN_TARGETS = select(report.c.target).where(OPEN, report.c.reporter == bindparam("who")).group_by(report.c.target)
"""The targets that something waits for at the reporter `who`."""

_DUE = OPEN_TARGETS.add_columns(func.max(report.c.next_try_at).label("due")).subquery()
_NEXT_DUE = select(func.min(_DUE.c.due))
_KNOWN = frozenset(FactKind)

NewReport = tuple[str, int, dict[str, Any]]
"""Target, fact and body of a report to keep."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a reporter stands: facts not read yet, reports that wait, reports given up; and why the oldest still waits.

    `next_try_at` is Unix time, None when nothing waits.
    """

    name: str
    behind: int
    waiting: int
    failed: int
    next_try_at: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a reporter is behind: facts not read yet, reports that wait, reports given up.

    `since` is the Unix time of the oldest fact that it has not told; None when it has told all.
    """

    name: str
    behind: int
    waiting: int
    failed: int
    since: float | None


def load_cursors(connection: Connection) -> dict[str, int]:
    """The last fact handed over, by reporter."""
    return {row.name: row.cursor for row in connection.execute(_CURSORS)}


def load_newest_fact(connection: Connection) -> int:
    """The number of the newest fact, nought when there is none."""
    return connection.execute(_NEWEST).scalar() or 0


def keep_cursor(connection: Connection, name: str, cursor: int) -> None:
    """Begin the cursor of a new reporter; one that has begun stays where it is."""
    connection.execute(_add_new(connection.dialect.name, reporter), {"name": name, "cursor": cursor})


@cache
def _add_new(dialect: str, table: Table) -> Any:
    """Insert what is not there yet."""
    module: Any = postgresql if dialect == "postgresql" else sqlite
    return module.insert(table).on_conflict_do_nothing()


def load_facts(connection: Connection, after: int, limit: int) -> list[tuple[int, Fact | None]]:
    """Facts with their numbers, in order; None for one whose kind only a newer version knows."""
    rows = connection.execute(_FACTS, {"after": after, "most": limit})
    return [(row.id, _fact(row) if row.kind in _KNOWN else None) for row in rows]


def _fact(row: Any) -> Fact:
    return Fact(
        kind=FactKind(row.kind), at=row.at, data=row.data, job_id=row.job_id, build_id=row.build_id, run_id=row.run_id
    )


def keep_reports(connection: Connection, name: str, before: int, cursor: int, reports: Sequence[NewReport]) -> bool:
    """Add reports and move the cursor from `before` to `cursor`. False, and nothing changed, when another did it."""
    if connection.execute(_MOVE, {"who": name, "before": before, "newest": cursor}).rowcount != 1:
        return False
    if reports:
        rows = [
            {"reporter": name, "target": target, "fact_id": fact_id, "body": {"body": body}, "next_try_at": AT_ONCE}
            for target, fact_id, body in reports
        ]
        connection.execute(_add_new(connection.dialect.name, report), rows)
    return True


def load_next_due(connection: Connection, name: str) -> float | None:
    """The Unix time at which the next target is due; None when nothing waits."""
    at: float | None = connection.execute(_NEXT_DUE, {"who": name}).scalar()
    return at


def load_commit_builds(connection: Connection, repository: str, sha: str) -> tuple[BuildView, ...]:
    """The newest builds of a commit, newest first, with their latest runs; none of jobs with an address of their own.

    Those are built from plain git: GitHub may not know the commit, or it may be somebody else's.
    """
    found = load_builds(connection, BuildFilter(repository=repository, sha=sha, told=True), limit=MAX_PAGE).items
    jobs = {build.job_id for build in found}
    ours = set(connection.execute(select(job.c.id).where(job.c.id.in_(jobs), job.c.clone_url.is_(None))).scalars())
    return tuple(build for build in found if build.job_id in ours)


def load_standings(connection: Connection) -> tuple[Standing, ...]:
    """How every reporter stands, by name."""
    newest = load_newest_fact(connection)
    return tuple(_standing(connection, name, newest - at) for name, at in sorted(load_cursors(connection).items()))


def _standing(connection: Connection, name: str, behind: int) -> Standing:
    mine = report.c.reporter == name
    waiting, failed = (
        connection.execute(select(func.count()).where(mine, condition)).scalar_one()
        for condition in (OPEN, report.c.state == "failed")
    )
    why = select(report.c.error).where(mine, OPEN, report.c.error.is_not(None)).order_by(report.c.id).limit(1)
    return Standing(
        name=name,
        behind=max(behind, 0),
        waiting=waiting,
        failed=failed,
        next_try_at=load_next_due(connection, name),
        error=connection.execute(why).scalar(),
    )


def load_lags(connection: Connection) -> tuple[Lag, ...]:
    """How far every reporter is behind, by name; for the monitoring system."""
    newest = load_newest_fact(connection)
    who = report.c.reporter.concat(literal_column("''"))  # SQLite would walk an index of all reports to group them
    grouped = select(who.label("name"), func.count().label("amount"), func.min(report.c.fact_id).label("first"))
    waiting = {row.name: row for row in connection.execute(grouped.where(OPEN).group_by(who))}
    failed = {row.name: row.amount for row in connection.execute(grouped.where(_FAILED).group_by(who))}
    return tuple(
        Lag(
            name=name,
            behind=max(newest - cursor, 0),
            waiting=waiting[name].amount if name in waiting else 0,
            failed=failed.get(name, 0),
            since=_load_since(connection, waiting[name].first if name in waiting else cursor + 1),
        )
        for name, cursor in sorted(load_cursors(connection).items())
    )


def _load_since(connection: Connection, first: int) -> float | None:
    """When the fact of this number happened, or the first one after it."""
    query = select(fact.c.at).where(fact.c.id >= first).order_by(fact.c.id).limit(1)
    at: float | None = connection.execute(query).scalar()
    return at
