"""Builds as samples of trends: the newest ones of a job, or of all. Bounded by their number, whatever their age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from hubwright.domain.results import State
from hubwright.domain.trends import Sample, Trend, make_trend
from hubwright.errors import NotFoundError
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.jobs import load_job
from hubwright.store.reach import newest_below
from hubwright.store.schema import build, builder, run

MOST = 1_000
"""Builds that a trend is made of, the newest ones."""

_COLUMNS = (build.c.id, build.c.state, build.c.event, build.c.result)
_TIMES = (build.c.queued_at, build.c.started_at, build.c.finished_at)


def load_job_trend(connection: Connection, path: str, branch: str | None = None) -> Trend:
    """How the job's builds go, all or those of a branch. Raises NotFoundError."""
    found = load_job(connection, path)
    if found is None:
        raise NotFoundError(f"There is no job {path[:400]!r}.")
    newest = select(*_COLUMNS, *_TIMES).where(build.c.job_id == found.id)
    if branch is None:
        newest = newest.order_by(build.c.number.desc())
    else:
        newest = newest.where(build.c.branch == branch).order_by(build.c.id.desc())
    rows = _load_ended(connection, newest.limit(MOST))
    sums = select(run.c.build_id, func.sum(run.c.log_size), func.sum(run.c.tests_total)).where(run.c.latest)
    told = _load_runs(connection, sums.group_by(run.c.build_id), rows)
    left = {number: (log_size, tests) for number, log_size, tests in told}
    return make_trend(_sample(row, *left.get(row[0], (None, None))) for row in rows)


def load_whole_trend(connection: Connection, folders: Sequence[str] | None = None) -> Trend:
    """How all builds go, or those below the folders, and how many runs are at work at once."""
    newest = select(*_COLUMNS, *_TIMES).order_by(build.c.id.desc()).limit(MOST)
    if folders is not None:
        newest = newest.where(newest_below(connection, folders, (), MOST))
    rows = _load_ended(connection, newest)
    told = _load_runs(connection, select(run.c.started_at, run.c.finished_at), rows)
    runs = [(started, finished) for started, finished in told if started is not None and finished]
    return make_trend((_sample(row, None, None) for row in rows), runs)


def load_slots(connection: Connection) -> int:
    """Runs that the builders which are here could do at once."""
    query = select(func.coalesce(func.sum(builder.c.slots), 0)).where(builder.c.state == "connected")
    return int(connection.execute(query).scalar_one())


def _load_ended(connection: Connection, query: Select[Any]) -> Sequence[tuple[Any, ...]]:
    """Of the query's builds those that have ended, and not for a search for culprits: id, result and times."""
    return [
        (number, result, *times)
        for number, state, event, result, *times in connection.execute(query)
        if state == State.FINISHED.value and event != BUILT_FOR_IT and times[-1] is not None
    ]


def _load_runs(connection: Connection, query: Select[Any], rows: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
    """What the query tells of these builds' runs."""
    builds = [row[0] for row in rows]
    return connection.execute(query.where(run.c.build_id.in_(builds))).all() if builds else []


def _sample(row: tuple[Any, ...], log_size: Any, tests: Any) -> Sample:
    _, result, queued, started, finished = row
    begun = started is not None
    return Sample(
        at=finished,
        result=result or "error",
        waited=max(started - queued, 0.0) if begun else None,
        took=max(finished - started, 0.0) if begun else None,
        tests=None if tests is None else int(tests),
        log_size=int(log_size) if log_size else None,
    )
