"""What came before: a build's neighbours, who broke a job and when, how long builds usually take, the newest fact."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select

from hubwright.store.schema import build, fact, problem, run
from hubwright.store.views import MAX_PAGE, NOT_SUCCESS, load_newest_builds
from hubwright.store.views_values import BuildView

_BAD = ("failure", "error", "timeout")
_RECENT = 20


class Neighbours(NamedTuple):
    """The ids of builds around one: of its job and branch, and of its job those that went wrong."""

    older: int | None
    newer: int | None
    failed_before: int | None = None
    failed_after: int | None = None


def load_neighbours(connection: Connection, one: BuildView) -> Neighbours:
    """The builds next to `one` by age."""
    of_job = build.c.job_id == one.job_id
    of_branch = and_(of_job, build.c.branch == one.branch if one.branch is not None else build.c.branch.is_(None))
    older, newer = build.c.id < one.id, build.c.id > one.id

    def find(order: Any, *conditions: ColumnElement[bool]) -> int | None:
        found: int | None = connection.execute(select(build.c.id).where(*conditions).order_by(order).limit(1)).scalar()
        return found

    # asked for each result by itself, the index of what went wrong has the answer as its first row
    bad = [and_(of_job, NOT_SUCCESS, build.c.result == result) for result in _BAD]
    before = [found for each in bad if (found := find(build.c.id.desc(), each, older)) is not None]
    after = [found for each in bad if (found := find(build.c.id, each, newer)) is not None]
    return Neighbours(
        find(build.c.id.desc(), of_branch, older),
        find(build.c.id, of_branch, newer),
        max(before, default=None),
        min(after, default=None),
    )


def load_culprits(connection: Connection, broken: Sequence[BuildView]) -> dict[int, BuildView]:
    """For each broken build the first bad one of its branch since the last good one: who broke it, and since when."""
    wanted = [one.id for one in broken[:MAX_PAGE]]
    if not wanted:
        return {}
    rows = connection.execute(_CULPRITS, {"ids": wanted}).all()
    culprits = load_newest_builds(connection, [culprit for _, culprit in rows if culprit is not None])
    return {build_id: culprits[culprit] for build_id, culprit in rows if culprit in culprits}


def _ask_for_culprits() -> Select[Any]:
    """The builds of these ids, each with the one that broke what it is of."""
    now, good, bad = build.alias(), build.alias(), build.alias()
    same_branch = and_(good.c.job_id == now.c.job_id, good.c.branch == now.c.branch)
    # The order of the index ends at the first, where max() would read them all; but for coalesce() SQLite would take
    # the index of results, which has those of every job.
    last_good = (
        select(good.c.id)
        .where(same_branch, func.coalesce(good.c.result, "") == "success", good.c.id < now.c.id)
        .order_by(good.c.id.desc())
        .limit(1)
        .correlate(now)
        .scalar_subquery()
    )
    first_bad = (
        select(bad.c.id)
        .where(bad.c.job_id == now.c.job_id, bad.c.branch == now.c.branch, bad.c.result.in_(_BAD))
        .where(bad.c.id > func.coalesce(last_good, 0), bad.c.id <= now.c.id)
        .order_by(bad.c.id)
        .limit(1)
        .correlate(now)
        .scalar_subquery()
    )
    return select(now.c.id, first_bad).where(now.c.id.in_(bindparam("ids", expanding=True)))


_CULPRITS = _ask_for_culprits()


def load_usual_duration(connection: Connection, job_id: int) -> float | None:
    """The median of the job's last twenty good builds in seconds; None when there is none."""
    query = (
        select(build.c.started_at, build.c.finished_at)
        .where(build.c.job_id == job_id, build.c.result == "success", build.c.started_at.is_not(None))
        .order_by(build.c.number.desc())
        .limit(_RECENT)
    )
    durations = [finished - started for started, finished in connection.execute(query) if finished is not None]
    return median(durations) if durations else None


def load_newest_fact(connection: Connection, build_id: int | None = None) -> int:
    """The id of the last fact, of the build if one is given; nought when there is none."""
    query = select(func.max(fact.c.id))
    return connection.execute(query if build_id is None else query.where(fact.c.build_id == build_id)).scalar() or 0


def load_newest_problem(connection: Connection, build_id: int) -> int:
    """The id of the last problem that the build's logs told of; nought when there is none."""
    runs = select(run.c.id).where(run.c.build_id == build_id)
    return connection.execute(select(func.max(problem.c.id)).where(problem.c.run_id.in_(runs))).scalar() or 0
