"""One builder, as pages and the API show it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from hubwright.errors import NotFoundError
from hubwright.store.schema import build, builder, job, run, token
from hubwright.store.views import FINISHED, MAX_PAGE, RUNNING, bounded, load_rows
from hubwright.store.views_values import BuilderView, Page

_COLUMNS = [builder.c[name] for name in BuilderView.__dataclass_fields__ if name != "running"]


def load_builder(connection: Connection, name: str) -> BuilderView:
    """A builder with the runs that it holds. Raises NotFoundError."""
    rows = load_rows(connection, select(*_COLUMNS).where(builder.c.name == name))
    if not rows:
        raise NotFoundError(f"There is no builder {name!r}.")
    held = select(run.c.id).where(run.c.state == RUNNING, run.c.builder == name).order_by(run.c.id).limit(MAX_PAGE)
    running = tuple(connection.execute(held).scalars())
    return BuilderView(**{**rows[0], "labels": tuple(rows[0]["labels"])}, running=running)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldView:
    """A run that a builder holds, and the build that it belongs to."""

    id: int
    build_id: int
    job: str
    number: int
    platform: str


def load_held(connection: Connection, name: str) -> tuple[HeldView, ...]:
    """The runs that a builder holds, oldest first."""
    query = (
        select(run.c.id, run.c.build_id, job.c.path.label("job"), build.c.number, run.c.platform)
        .join(build, build.c.id == run.c.build_id)
        .join(job, job.c.id == build.c.job_id)
        .where(run.c.state == RUNNING, run.c.builder == name)
        .order_by(run.c.id)
        .limit(MAX_PAGE)
    )
    return tuple(HeldView(**row) for row in load_rows(connection, query))


@dataclass(frozen=True, kw_only=True, slots=True)
class DoneView:
    """A run that a builder has ended. Times are Unix seconds."""

    id: int
    build_id: int
    job: str
    number: int
    platform: str
    attempt: int
    state: str
    result: str | None
    started_at: float | None
    finished_at: float | None


def load_done(connection: Connection, name: str, limit: int = 50, cursor: int | None = None) -> Page[DoneView]:
    """The runs that a builder has ended, the newest first; the cursor is a number. The name may be of one long gone."""
    limit = bounded(limit)
    columns = [run.c[each] for each in DoneView.__dataclass_fields__ if each not in {"job", "number"}]
    query = (
        select(*columns, job.c.path.label("job"), build.c.number)
        .join(build, build.c.id == run.c.build_id)
        .join(job, job.c.id == build.c.job_id)
        .where(run.c.state == FINISHED, run.c.builder == name)
        .order_by(run.c.id.desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        query = query.where(run.c.id < cursor)
    found = tuple(DoneView(**row) for row in load_rows(connection, query))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


def has_own_token(connection: Connection, name: str) -> bool:
    """Whether the builder came with a token that is for it alone and still of use."""
    query = (
        select(token.c.id)
        .join(builder, builder.c.token_id == token.c.id)
        .where(builder.c.name == name, token.c.builder == name, token.c.revoked_at.is_(None))
    )
    return connection.execute(query).first() is not None
