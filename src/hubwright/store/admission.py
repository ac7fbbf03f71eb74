"""Builds that have to be admitted: what waits, what goes on within limits, and letting runs into the queue.

`build.blocked` is `new` until somebody has looked at the build, `waits` when it was told why it does not start, and
`partly` when it is admitted and some of its runs wait for room on their platform. The runs of such builds are held.
Those of a build with an open approval stay held whatever there is room for, and it is looked at when that is given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    literal_column,
    or_,
    select,
    text,
    update,
)

from hubwright.domain.concurrency import Contender, PlacedRun
from hubwright.domain.job_settings import DefinedJob
from hubwright.store.jobs import load_jobs_by_ids
from hubwright.store.schema import approval, build, job, run
from hubwright.store.turns import next_turn

NEW, WAITS, PARTLY = "new", "waits", "partly"

MOST = 5_000
"""Builds that are looked at together; more than that wait in their order."""

_LOCK = 7_236_002
"""An advisory lock on PostgreSQL: one process at a time admits, so that two never fill the same place."""

_IS_BLOCKED = build.c.blocked.is_not(None)  # in the words of the partial indexes
_IS_OPEN = build.c.state != literal_column("'finished'")
_IS_LIMITED = build.c.group.is_not(None)
_IS_HELD = run.c.state == literal_column("'held'")
_UNAPPROVED = exists().where(
    approval.c.build_id == build.c.id,
    approval.c.revoked_at.is_(None),
    or_(approval.c.approved_at.is_(None), approval.c.ask_at.is_not(None)),
)
_PAUSED_JOB = job.alias("paused_job")
_IS_PAUSED = exists().where(
    or_(_PAUSED_JOB.c.id == build.c.job_id, _PAUSED_JOB.c.id == build.c.family), _PAUSED_JOB.c.paused_at.is_not(None)
)
_BUILDS: Select[Any] = select(build, job.c.path.label("job")).join(job, job.c.id == build.c.job_id).limit(MOST)
_WAITING = _BUILDS.where(_IS_BLOCKED, _IS_OPEN, build.c.runs_left > 0, ~_UNAPPROVED).order_by(build.c.id)
_RUNNING = _BUILDS.where(
    _IS_OPEN, _IS_LIMITED, build.c.runs_left > 0, or_(build.c.blocked.is_(None), build.c.blocked == PARTLY)
).order_by(build.c.group, build.c.id)  # in the order of the index; by id alone SQLite would walk the whole table
_ANY_BLOCKED = select(build.c.id).where(_IS_BLOCKED).limit(1)
_PLACED: Select[Any] = (
    select(run.c.id, run.c.build_id, run.c.platform, build.c.family, build.c.job_id)
    .join(build, build.c.id == run.c.build_id)
    .order_by(run.c.priority.desc(), run.c.id)
)
_BUILD_IDS: BindParameter[Any] = bindparam("build_ids", expanding=True)
_HELD_RUNS = _PLACED.where(_IS_HELD, run.c.build_id.in_(_BUILD_IDS))
_GOING_RUNS = _PLACED.where(run.c.state.in_(("queued", "running")), run.c.build_id.in_(_BUILD_IDS))
_CANCELLED = select(run.c.build_id).where(run.c.build_id.in_(_BUILD_IDS), run.c.cancel.is_not(None)).distinct()
_LOCKED = (
    select(build.c.id).where(build.c.id.in_(_BUILD_IDS), _IS_BLOCKED, _IS_OPEN).order_by(build.c.id).with_for_update()
)
_OPEN_APPROVALS = (
    select(approval.c.build_id)
    .where(
        approval.c.build_id.in_(_BUILD_IDS),
        approval.c.revoked_at.is_(None),
        or_(approval.c.approved_at.is_(None), approval.c.ask_at.is_not(None)),
    )
    .with_for_update()
)
_LET_IN = (
    update(run)
    .where(run.c.id == bindparam("run_key"), _IS_HELD)
    .values(state="queued", turn=next_turn(run.c.family, run.c.priority, run.c.platform, run.c.labels))
)
_MARK = update(build).where(build.c.id.in_(_BUILD_IDS), _IS_BLOCKED).values(blocked=bindparam("mark"))
_BLOCK_AGAIN = (
    update(build)
    .where(build.c.id == bindparam("build_key"), build.c.blocked.is_(None), or_(_IS_LIMITED, _IS_PAUSED))
    .values(blocked=bindparam("mark"))
)
_TO_PAUSE = (
    select(build.c.id)
    .where(_IS_OPEN, build.c.state == "queued", build.c.blocked.is_(None), _IS_PAUSED)
    .order_by(build.c.id)
    .limit(MOST)
    .with_for_update()
)
_BLOCK = update(build).where(build.c.id.in_(_BUILD_IDS)).values(blocked=NEW)
_HOLD = update(run).where(run.c.build_id.in_(_BUILD_IDS), run.c.state == literal_column("'queued'"))
_HOLD = _HOLD.values(state="held")
_PAUSED_JOBS = select(job.c.id).where(job.c.paused_at.is_not(None)).limit(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What is to be decided on: rows of builds that wait or are admitted in part, of those within limits that go on,
    and the jobs of the first."""

    waiting: Sequence[Row[Any]] = ()
    running: Sequence[Row[Any]] = ()
    jobs: Mapping[int, DefinedJob] = field(default_factory=dict)

    @property
    def partly(self) -> list[Row[Any]]:
        """Those that are admitted and have runs that wait for their platform."""
        return [row for row in self.waiting if row.blocked == PARTLY]

    def contenders(self) -> tuple[list[Contender], list[Contender]]:
        """Those that wait to be admitted, and those that were."""
        waiting = [_contend(row, self.jobs.get(row.job_id)) for row in self.waiting if row.blocked != PARTLY]
        return waiting, [_contend(row, self.jobs.get(row.job_id)) for row in self.running]

    def platform_limits(self) -> dict[int, dict[str, int]]:
        """How many runs of a job and its copies may go on at once on platforms; the smallest number that one says."""
        limits: dict[int, dict[str, int]] = {}
        for one in self.jobs.values():
            for glob, limit in one.settings.platform_limits.items():
                known = limits.setdefault(one.family, {})
                known[glob] = min(limit, known.get(glob, limit))
        return limits


def lock_admission(connection: Connection) -> None:
    """Be the only one that admits, to the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def is_wanted(connection: Connection) -> bool:
    """Whether there may be anything to admit, or to hold because its job is paused."""
    return connection.execute(_ANY_BLOCKED).first() is not None or connection.execute(_PAUSED_JOBS).first() is not None


def load_standing(
    connection: Connection, known: Mapping[int, DefinedJob] | None = None, *, all_paused: bool = True
) -> Standing:
    """What waits and what goes on, in the order of their ids. With `known` jobs, only builds of these wait.

    Without `all_paused`, those of paused jobs that were told so are left out: there is nothing to decide.
    """
    query = _WAITING if all_paused else _WAITING.where(or_(build.c.blocked != WAITS, ~_IS_PAUSED))
    waiting = connection.execute(query).all()
    if known is not None:
        waiting = [row for row in waiting if row.job_id in known]
    running = sorted(connection.execute(_RUNNING).all(), key=lambda row: int(row.id))
    jobs = known if known is not None else load_jobs_by_ids(connection, sorted({row.job_id for row in waiting}))
    return Standing(waiting=waiting, running=running, jobs=jobs)


def _contend(row: Row[Any], of: DefinedJob | None) -> Contender:
    """A build as it contends; one that goes on does so in the group in which it was admitted."""
    name = f"{row.job} #{row.number}"
    if of is None:
        return Contender(id=row.id, job=row.family, name=name, group=row.group or None, line=row.line)
    told = of.settings.concurrency
    limits = [limit for limit in (of.settings.max_builds, None if told.group else told.limit) if limit is not None]
    return Contender(
        id=row.id,
        job=row.family,
        name=name,
        priority=row.priority + of.settings.priority,
        group=told.group if row.blocked in {NEW, WAITS} else row.group or None,
        group_limit=told.limit if told.group else None,
        job_limit=min(limits, default=None),
        policy=told.policy,
        line=row.line,
        paused=of.paused,
    )


def load_held_runs(connection: Connection, build_ids: Collection[int]) -> list[PlacedRun]:
    """The held runs of these builds, in the order in which they may start."""
    return [_place(row) for row in connection.execute(_HELD_RUNS, {"build_ids": list(build_ids)})]


def load_going_runs(connection: Connection, build_ids: Collection[int]) -> list[PlacedRun]:
    """The runs of these builds that are in the queue or run."""
    return [_place(row) for row in connection.execute(_GOING_RUNS, {"build_ids": list(build_ids)})]


def _place(row: Row[Any]) -> PlacedRun:
    return PlacedRun(id=row.id, job=row.family, platform=row.platform, build=row.build_id)


def load_cancelled(connection: Connection, build_ids: Collection[int]) -> set[int]:
    """Which of the builds are being cancelled already."""
    return set(connection.execute(_CANCELLED, {"build_ids": list(build_ids)}).scalars())


def lock_builds(connection: Connection, build_ids: Collection[int]) -> set[int]:
    """Have these builds to oneself: those that still wait, and whose approval is not asked for meanwhile."""
    ids = {"build_ids": list(build_ids)}
    locked = set(connection.execute(_LOCKED, ids).scalars())
    return locked - set(connection.execute(_OPEN_APPROVALS, ids).scalars())


def let_in(connection: Connection, run_ids: Sequence[int]) -> None:
    """Put held runs into the queue, each when its turn is."""
    for number in run_ids:
        connection.execute(_LET_IN, {"run_key": number})


def mark(connection: Connection, build_ids: Collection[int], blocked: str | None) -> None:
    """How these builds, which wait in some way, stand from now on."""
    if build_ids:
        connection.execute(_MARK, {"build_ids": list(build_ids), "mark": blocked})


def mark_partly(connection: Connection, build_id: int) -> None:
    """Some runs of an admitted build wait for room on their platforms."""
    connection.execute(update(build).where(build.c.id == build_id).values(blocked=PARTLY))


def keep_group(connection: Connection, build_id: int, group: str) -> None:
    """In which group a build goes on; its job may have had another when it came."""
    connection.execute(update(build).where(build.c.id == build_id).values(group=group))


def block_again(connection: Connection, row: Row[Any]) -> None:
    """Before a build gets runs anew: within limits, or while its job is paused, they wait to be admitted."""
    whole = row.state == "finished" or row.runs_left == 0
    connection.execute(_BLOCK_AGAIN, {"build_key": row.id, "mark": NEW if whole else PARTLY})


def hold_paused(connection: Connection) -> list[int]:
    """Hold the builds of paused jobs that have not begun; which."""
    if connection.execute(_PAUSED_JOBS).first() is None:
        return []
    ids = list(connection.execute(_TO_PAUSE).scalars())
    if ids:
        connection.execute(_HOLD, {"build_ids": ids})
        connection.execute(_BLOCK, {"build_ids": ids})
    return ids
