"""Builders, what waits for them, and why it waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, and_, case, func, literal_column, or_, select

from hubwright.store.reach import below
from hubwright.store.schema import build, builder, job, run
from hubwright.store.views import FINISHED, MAX_PAGE, QUEUED, RUNNING, bounded, load_rows
from hubwright.store.views_values import BuilderView, Page

_LIMITED = or_(build.c.blocked.in_(("waits", "partly")), and_(build.c.blocked == "new", build.c.trust == "trusted"))
_COUNT_HELD = select(func.count().label("amount"), func.sum(case((_LIMITED, 1), else_=0)).label("limited"))
_HELD = (
    _COUNT_HELD.select_from(run)
    .join(build, build.c.id == run.c.build_id)
    .where(run.c.state == literal_column("'held'"))
)
_UNPLANNED = (
    select(func.count())
    .select_from(build)
    .where(build.c.state == QUEUED, build.c.state != FINISHED, build.c.runs_left == 0)
)

MAX_HELD = 10_000
"""Running runs that are looked at, at most."""

_BUILDER_COLUMNS = [column for column in builder.c if column.name not in {"instance", "token_id", "once", "wire"}]


def load_builders(connection: Connection, limit: int = 200, cursor: str | None = None) -> Page[BuilderView]:
    """The builders by name, with the runs that they hold; the cursor is a name."""
    limit = bounded(limit)
    query = select(*_BUILDER_COLUMNS).order_by(builder.c.name).limit(limit + 1)
    if cursor is not None:
        query = query.where(builder.c.name > cursor)
    rows = load_rows(connection, query)
    running: dict[str, list[int]] = defaultdict(list)
    held = select(run.c.builder, run.c.id).where(run.c.state == RUNNING).limit(MAX_HELD)
    for name, run_id in connection.execute(held):
        running[name].append(run_id)
    views = tuple(
        BuilderView(**{**row, "labels": tuple(row["labels"])}, running=tuple(sorted(running[row["name"]])))
        for row in rows
    )
    return Page(views[:limit], views[limit - 1].name if len(views) > limit else None)


def count_runs(
    connection: Connection, state: Literal["queued", "running"], folders: Sequence[str] | None = None
) -> int:
    """How many runs wait, or run; `folders`: of jobs below these only."""
    literal = QUEUED if state == "queued" else RUNNING
    query = select(func.count()).select_from(run).where(run.c.state == literal)
    if folders is not None:
        query = query.join(build, build.c.id == run.c.build_id).join(job, job.c.id == build.c.job_id)
        query = query.where(below(job.c.path, folders))
    return connection.execute(query).scalar_one()


@dataclass(frozen=True, kw_only=True, slots=True)
class Remaining:
    """What is still to be done by itself: runs that wait for a builder, within limits or for a pause to end, and
    builds whose recipe has not been read yet. `held` runs wait for somebody's approval."""

    queued: int
    limited: int
    planned: int
    held: int

    @property
    def total(self) -> int:
        """All but what waits for people."""
        return self.queued + self.limited + self.planned


def count_remaining(connection: Connection, folders: Sequence[str] | None = None) -> Remaining:
    """What remains to be done; `folders`: of jobs below these only."""
    held = connection.execute(_within(_HELD, folders)).one()
    return Remaining(
        queued=count_runs(connection, "queued", folders),
        limited=held.limited or 0,
        planned=connection.execute(_within(_UNPLANNED, folders)).scalar_one(),
        held=held.amount - (held.limited or 0),
    )


def _within(query: Any, folders: Sequence[str] | None) -> Any:
    """The query of builds, of jobs below these folders only."""
    return query if folders is None else query.join(job, job.c.id == build.c.job_id).where(below(job.c.path, folders))


def load_running(connection: Connection, folders: Sequence[str] | None = None) -> tuple[int, ...]:
    """The builds that run, oldest first, at most `MAX_PAGE`; `folders`: of jobs below these only."""
    query = (
        select(build.c.id)
        .where(build.c.state == RUNNING, build.c.state != FINISHED)
        .order_by(build.c.id)
        .limit(MAX_PAGE)
    )
    if folders is not None:
        query = query.join(job, job.c.id == build.c.job_id).where(below(job.c.path, folders))
    return tuple(connection.execute(query).scalars())
