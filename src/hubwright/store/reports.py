"""Reports that wait, target by target in order, and how far each reporter has read the facts.

A target is due when none of its open reports waits for a later time: a report that failed, or that somebody sends at
this moment, holds back the ones behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.facts import Fact, FactKind
from hubwright.store.queues import ERROR_LENGTH
from hubwright.store.schema import fact, job, report, reporter
from hubwright.store.views import MAX_PAGE, load_builds
from hubwright.store.views_values import BuildFilter, BuildView

OPEN: ColumnElement[bool] = report.c.state.in_([literal_column("'waiting'"), literal_column("'leased'")])
"""Said in the words of the partial index, so that it is used."""

_FAILED = report.c.state == literal_column("'failed'")

NewReport = tuple[str, int, dict[str, Any]]
"""Target, fact and body of a report to keep."""


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
    builds: tuple[int, ...] = ()


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
    return {row.name: row.cursor for row in connection.execute(select(reporter))}


def load_newest_fact(connection: Connection) -> int:
    """The number of the newest fact, nought when there is none."""
    return connection.execute(select(func.max(fact.c.id))).scalar() or 0


def keep_cursor(connection: Connection, name: str, cursor: int) -> None:
    """Begin the cursor of a new reporter; one that has begun stays where it is."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(reporter).values(name=name, cursor=cursor).on_conflict_do_nothing())


def load_facts(connection: Connection, after: int, limit: int) -> list[tuple[int, Fact | None]]:
    """Facts with their numbers, in order; None for one whose kind only a newer version knows."""
    rows = connection.execute(select(fact).where(fact.c.id > after).order_by(fact.c.id).limit(limit))
    known = set(FactKind)
    return [(row.id, _fact(row) if row.kind in known else None) for row in rows]


def _fact(row: Any) -> Fact:
    return Fact(
        kind=FactKind(row.kind), at=row.at, data=row.data, job_id=row.job_id, build_id=row.build_id, run_id=row.run_id
    )


def keep_reports(
    connection: Connection, name: str, before: int, cursor: int, reports: Sequence[NewReport], now: float
) -> bool:
    """Add reports and move the cursor from `before` to `cursor`. False, and nothing changed, when another did it."""
    moved = update(reporter).where(reporter.c.name == name, reporter.c.cursor == before).values(cursor=cursor)
    if connection.execute(moved).rowcount != 1:
        return False
    if reports:
        dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
        rows = [
            {"reporter": name, "target": target, "fact_id": fact_id, "body": {"body": body}, "next_try_at": now}
            for target, fact_id, body in reports
        ]
        connection.execute(dialect.insert(report).on_conflict_do_nothing(), rows)
    return True


def load_due_targets(connection: Connection, name: str, now: float, limit: int) -> list[str]:
    """The targets that are due, longest due first."""
    query = _targets(name).having(func.max(report.c.next_try_at) <= now)
    return list(connection.execute(query.order_by(func.min(report.c.id)).limit(limit)).scalars())


def load_next_due(connection: Connection, name: str) -> float | None:
    """The Unix time at which the next target is due; None when nothing waits."""
    due = _targets(name).add_columns(func.max(report.c.next_try_at).label("due")).subquery()
    at: float | None = connection.execute(select(func.min(due.c.due))).scalar()
    return at


def _targets(name: str) -> Any:
    return select(report.c.target).where(OPEN, report.c.reporter == name).group_by(report.c.target)


def hold_target(
    connection: Connection, name: str, target: str, owner: str, now: float, *, until: float, limit: int
) -> Held | None:
    """Lease the oldest open reports to a target, at most `limit`; None when it is not due or somebody has it."""
    rows = connection.execute(
        # compared in the database, in whose microseconds `load_due_targets` compares too
        select(report, (report.c.next_try_at > now).label("later"))
        .where(OPEN, report.c.reporter == name, report.c.target == target)
        .order_by(report.c.fact_id)
        .limit(limit)
        .with_for_update()
    ).all()
    if not rows or any(row.later for row in rows):
        return None
    ids = tuple(row.id for row in rows)
    connection.execute(
        update(report)
        .where(report.c.id.in_(ids))
        .values(state="leased", lease_owner=owner, lease_until=until, next_try_at=until, attempts=report.c.attempts + 1)
    )
    return Held(
        reporter=name,
        target=target,
        ids=ids,
        bodies=tuple(row.body.get("body", {}) for row in rows),  # a damaged one: its reporter gives it up
        most_attempts=max(row.attempts for row in rows) + 1,
        least_attempts=min(row.attempts for row in rows) + 1,
        said=_load_said(connection, name, target, rows[-1].fact_id, limit),
        builds=_load_builds(connection, [row.fact_id for row in rows]),
    )


def _load_builds(connection: Connection, facts: list[int]) -> tuple[int, ...]:
    """The builds that facts are of, in order."""
    query = select(fact.c.build_id).where(fact.c.id.in_(facts), fact.c.build_id.is_not(None))
    return tuple(sorted(set(connection.execute(query).scalars())))


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


def finish_reports(connection: Connection, held: Held, owner: str, now: float) -> bool:
    """All was told, and with it what had been given up before. False, and nothing changed, when the lease is lost."""
    if not _settle(connection, held, owner, {"state": "done", "finished_at": now, "error": None}):
        return False
    given_up = (report.c.reporter == held.reporter, report.c.target == held.target, report.c.state == "failed")
    connection.execute(update(report).where(*given_up).values(state="done"))
    return True


def give_up_reports(connection: Connection, held: Held, owner: str, now: float, error: str) -> bool:
    """It can't be told, for the reason `error`. False, and nothing changed, when the lease is lost."""
    return _settle(connection, held, owner, {"state": "failed", "finished_at": now, "error": error[:ERROR_LENGTH]})


def retry_reports(
    connection: Connection, held: Held, owner: str, at: float, error: str | None, *, counted: bool = True
) -> bool:
    """Tell it again at Unix time `at`; unless `counted` this was no attempt. False when the lease is lost."""
    attempts = report.c.attempts if counted else report.c.attempts - 1
    why = None if error is None else error[:ERROR_LENGTH]
    values = {"state": "waiting", "next_try_at": at, "error": why, "attempts": attempts}
    return _settle(connection, held, owner, values)


def _settle(connection: Connection, held: Held, owner: str, values: dict[str, Any]) -> bool:
    mine = (report.c.id.in_(held.ids), report.c.state == "leased", report.c.lease_owner == owner)
    if connection.execute(update(report).where(*mine).values(values | {"lease_until": None})).rowcount == 0:
        return False
    # The memory lies on the newest of the reports held: what comes later looks back to it.
    body = {"body": held.bodies[-1], "said": held.said}
    connection.execute(update(report).where(report.c.id == held.ids[-1]).values(body=body))
    return True


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
