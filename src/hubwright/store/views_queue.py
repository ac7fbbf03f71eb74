"""Builders, what waits for them, and why it waits."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from sqlalchemy import Connection, and_, func, or_, select

from hubwright.domain.scheduling import ANY_PLATFORM, fits
from hubwright.store.schema import build, builder, job, run
from hubwright.store.views import FINISHED, MAX_PAGE, QUEUED, RUNNING, bounded, load_rows
from hubwright.store.views_values import BuilderView, Page, QueuedView, Wait

MAX_HELD = 10_000
"""Running runs that are looked at, at most."""

_BUILDER_COLUMNS = [column for column in builder.c if column.name not in {"instance", "token_id"}]


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


def load_queue(connection: Connection, limit: int = 200) -> tuple[QueuedView, ...]:
    """The runs that wait, the next one first."""
    query = (
        select(run.c.id, run.c.build_id, job.c.path.label("job"), build.c.number, build.c.sha, build.c.branch)
        .add_columns(run.c.platform, run.c.matrix, run.c.attempt, run.c.priority, run.c.queued_at)
        .join(build, build.c.id == run.c.build_id)
        .join(job, job.c.id == build.c.job_id)
        .where(run.c.state == QUEUED)
        .order_by(run.c.priority.desc(), run.c.id)
        .limit(bounded(limit))
    )
    return tuple(QueuedView(**row) for row in load_rows(connection, query))


def count_runs(connection: Connection, state: Literal["queued", "running"]) -> int:
    """How many runs wait, or run."""
    literal = QUEUED if state == "queued" else RUNNING
    return connection.execute(select(func.count()).where(run.c.state == literal)).scalar_one()


def load_running(connection: Connection) -> tuple[int, ...]:
    """The builds that run, oldest first, at most `MAX_PAGE`."""
    query = (
        select(build.c.id)
        .where(build.c.state == RUNNING, build.c.state != FINISHED)
        .order_by(build.c.id)
        .limit(MAX_PAGE)
    )
    return tuple(connection.execute(query).scalars())


def load_waits(connection: Connection, build_id: int) -> tuple[Wait, ...]:
    """Why each waiting run of the build waits; empty when none does."""
    query = select(run.c.id, run.c.platform, run.c.priority).where(run.c.build_id == build_id, run.c.state == QUEUED)
    waiting = connection.execute(query.order_by(run.c.id).limit(MAX_PAGE)).all()
    if not waiting:
        return ()
    builders = load_builders(connection).items
    ahead = _count_ahead(connection, waiting[0].priority, waiting[0].id)
    return tuple(
        Wait(run_id=row.id, platform=row.platform, ahead=ahead + place, reason=explain_wait(row.platform, builders))
        for place, row in enumerate(waiting)
    )


def explain_wait(platform: str, builders: tuple[BuilderView, ...]) -> str:
    """One sentence that says what a run for `platform` (a name or a glob) waits for."""
    fitting = [one for one in builders if fits(platform, one.platform)]
    connected = [one for one in fitting if one.state == "connected"]
    wanted = "" if platform == ANY_PLATFORM else f" for the platform {platform}"
    if not fitting:
        return f"No builder{wanted} has ever connected; start one with `hubwright builder`."
    if not connected:
        last = max(fitting, key=lambda one: one.seen_at or 0.0)
        return f"No builder{wanted} is connected; {last.name} is {last.state}."
    free = [one for one in connected if len(one.running) < one.slots]
    if not free:
        slots = sum(one.slots for one in connected)
        return f"All builders{wanted} are busy ({slots} at once)."
    return f"Builder {free[0].name} is free; the run starts when those ahead of it have started."


def _count_ahead(connection: Connection, priority: int, run_id: int) -> int:
    before = or_(run.c.priority > priority, and_(run.c.priority == priority, run.c.id < run_id))
    return connection.execute(select(func.count()).where(run.c.state == QUEUED, before)).scalar_one()
