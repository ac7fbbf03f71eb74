"""Runs on their way: waiting, leased, told about, ended. A message under a stale lease changes nothing.

Every statement is built once, at import: building one anew costs SQLAlchemy three to eight times its execution.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    select,
    tuple_,
    update,
)

from hubwright.domain.results import Result, State
from hubwright.domain.scheduling import FreeBuilder, WaitingRun, Want, split_labels, suits
from hubwright.store.approvals import APPROVER_KNOWN, UNSURE
from hubwright.store.moments import Moment
from hubwright.store.schema import build, job, run, stage

QUEUED, HELD, RUNNING, FINISHED = (State.QUEUED.value, State.HELD.value, State.RUNNING.value, State.FINISHED.value)

# Said as literals, because SQLite uses a partial index only where it sees the index's own words.
_IS_QUEUED = run.c.state == literal_column("'queued'")
_IS_RUNNING = run.c.state == literal_column("'running'")

_NOW: BindParameter[Any] = bindparam("now", type_=Moment())
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_RUN: BindParameter[Any] = bindparam("run_key")

_RUNS = (
    select(
        run,
        build.c.job_id,
        build.c.number,
        build.c.repository,
        build.c.sha,
        build.c.ref,
        build.c.state.label("build_state"),
        build.c.group,
        job.c.path.label("job"),
        job.c.clone_url,
    )
    .join(build, build.c.id == run.c.build_id)
    .join(job, job.c.id == build.c.job_id)
)
_BY_IDS = _RUNS.where(run.c.id.in_(_IDS)).order_by(run.c.id).with_for_update(of=run)
_HELD = (
    _RUNS.where(_IS_RUNNING, run.c.builder.in_(bindparam("names", expanding=True)))
    .order_by(run.c.id)
    .with_for_update(of=run)
)
_HOLDERS = select(run.c.builder).where(_IS_RUNNING, run.c.builder.is_not(None)).distinct()
_HOLDING = select(run.c.id).where(_IS_RUNNING, run.c.builder == bindparam("name")).limit(1)
_HELD_BY = _RUNS.where(_IS_RUNNING, run.c.builder.in_(bindparam("names", expanding=True)))
_CANCELLED = _RUNS.where(_IS_RUNNING, run.c.cancel.is_not(None))
_OPEN_OF_BUILD = _RUNS.where(run.c.build_id == bindparam("build"), run.c.state != FINISHED)
_NEWEST = _RUNS.where(run.c.build_id == bindparam("build"), run.c.latest).order_by(run.c.id)

_WANTED = select(run.c.platform, run.c.labels).where(_IS_QUEUED).distinct()
_COUNT_WAITING = (
    select(run.c.platform, run.c.labels, func.count().label("amount"))
    .where(_IS_QUEUED)
    .group_by(run.c.platform, run.c.labels)
)
_WAITING = (
    select(run.c.id, run.c.platform, run.c.labels)
    .where(_IS_QUEUED, tuple_(run.c.platform, run.c.labels).in_(bindparam("able", expanding=True)))
    .order_by(run.c.priority.desc(), run.c.turn, run.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_LEASE = (
    update(run)
    .where(run.c.id == _RUN, _IS_QUEUED, ~UNSURE)
    .values(
        state=RUNNING,
        builder=bindparam("name"),
        lease=run.c.lease + 1,
        leased_at=_NOW,
        started_at=func.coalesce(run.c.started_at, _NOW),
        seq=0,
        log_size=0,
    )
)
_START_BUILDS = (
    update(build)
    .where(build.c.id.in_(_IDS), build.c.state == QUEUED)
    .values(state=RUNNING, started_at=func.coalesce(build.c.started_at, _NOW))
    .returning(build.c.id, build.c.job_id)
)
_REQUEUE = (
    update(run)
    .where(run.c.id == _RUN, run.c.lease == bindparam("held"), _IS_RUNNING)
    .values(state=QUEUED, builder=None)
)
_PROGRESS = (
    update(run)
    .where(run.c.id == _RUN)
    .values(
        seq=bindparam("seq"),
        log_size=case((run.c.log_size < bindparam("size"), bindparam("size")), else_=run.c.log_size),
    )
)
_FINISH_RUN = (
    update(run)
    .where(run.c.id == _RUN)
    .values(state=FINISHED, result=bindparam("ended"), finished_at=_NOW, detail=bindparam("why"))
    .returning(
        run.c.tests_total,
        run.c.tests_passed,
        run.c.tests_skipped,
        run.c.tests_failed,
        exists().where(stage.c.run_id == _RUN, stage.c.state != FINISHED).label("has_open_stages"),
    )
)
_FINISH_STAGES = (
    update(stage)
    .where(stage.c.run_id == _RUN, stage.c.state != FINISHED)
    .values(
        state=FINISHED,
        result=case((stage.c.state == QUEUED, Result.SKIP.value), else_=bindparam("ended")),
        finished_at=case((stage.c.state == RUNNING, _NOW)),
    )
)
_COUNT_OFF = (
    update(build).where(build.c.id == _RUN).values(runs_left=build.c.runs_left - 1).returning(build.c.runs_left)
)
_RESULTS = select(run.c.result, run.c.tests_total, run.c.tests_failed, run.c.tests_difference).where(
    run.c.build_id == bindparam("build"), run.c.latest, run.c.result.is_not(None)
)
_WISH_CANCEL = update(run).where(run.c.build_id == _RUN, run.c.state != FINISHED).values(cancel=bindparam("reason"))
_WISH_CANCEL_RUN = update(run).where(run.c.id == _RUN, run.c.state != FINISHED).values(cancel=bindparam("reason"))
_DETAIL = update(run).where(run.c.id == _RUN).values(detail=bindparam("why"))
_REPLACE = update(run).where(run.c.id == _RUN).values(latest=False)


def load_waiting(connection: Connection, free: Sequence[FreeBuilder], limit: int) -> list[WaitingRun]:
    """Queued runs that one of these builders could take, higher priority first, then first come; locked."""
    wanted = connection.execute(_WANTED).all()
    able = [tuple(one) for one in wanted if any(suits(_want(*one), builder) for builder in free)]
    if not able:
        return []
    rows = connection.execute(_WAITING, {"able": able, "most": limit})
    return [WaitingRun(id=row.id, want=_want(row.platform, row.labels)) for row in rows]


def _want(platform: str, labels: str) -> Want:
    return Want(platform=platform, labels=split_labels(labels))


def count_waiting(connection: Connection) -> list[tuple[Want, int]]:
    """How many queued runs there are of each want; read from the index of waiting runs alone."""
    return [(_want(row.platform, row.labels), row.amount) for row in connection.execute(_COUNT_WAITING)]


def lease_runs(connection: Connection, pairs: Sequence[tuple[int, str]], now: float) -> list[Row[Any]]:
    """Hand runs to builders under a new lease number each; the rows with their build and job.

    Those of forks' builds stay queued whose approval does not stand, or stood too long ago when GitHub was last asked.
    """
    known = now - APPROVER_KNOWN
    connection.execute(
        _LEASE, [{"run_key": number, "name": name, "now": now, "known": known} for number, name in pairs]
    )
    return load_runs(connection, [number for number, _ in pairs])


def load_runs(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    """Runs with what facts and orders tell of their build and job, to be changed: locked where the database can.

    Two hubs may hear of the same run, its builder having moved from one to the other: only one of them ends it.
    """
    return list(connection.execute(_BY_IDS, {"ids": ids}))


def load_held(connection: Connection, names: Sequence[str]) -> list[Row[Any]]:
    """The runs that these builders hold, to be changed: locked where the database can."""
    return list(connection.execute(_HELD, {"names": names})) if names else []


def load_holders(connection: Connection) -> list[str]:
    """The builders that hold runs."""
    return list(connection.execute(_HOLDERS).scalars())


def is_holding(connection: Connection, name: str) -> bool:
    """Whether a builder has been given a run that has not ended."""
    return connection.execute(_HOLDING, {"name": name}).first() is not None


def load_held_by(connection: Connection, names: Iterable[str]) -> list[Row[Any]]:
    """The runs that these builders were given and have not ended; only to be looked at."""
    return list(connection.execute(_HELD_BY, {"names": list(names)}))


def load_cancelled(connection: Connection) -> list[Row[Any]]:
    """Running runs that somebody wants cancelled."""
    return list(connection.execute(_CANCELLED))


def load_newest(connection: Connection, build_id: int) -> list[Row[Any]]:
    """The newest attempts of a build's runs, in the order of the plan."""
    return list(connection.execute(_NEWEST, {"build": build_id}))


def load_results(connection: Connection, build_id: int) -> list[Row[Any]]:
    """The results of a build's newest attempts, and what their tests say in all."""
    return list(connection.execute(_RESULTS, {"build": build_id}))


def start_builds(connection: Connection, ids: Iterable[int], now: float) -> list[Row[Any]]:
    """Mark queued builds running; id and job of those that were still queued."""
    return list(connection.execute(_START_BUILDS, {"ids": list(set(ids)), "now": now}))


def requeue_run(connection: Connection, number: int, lease: int) -> bool:
    """Put a run back that its builder never heard of; whether it was still held under that lease."""
    return connection.execute(_REQUEUE, {"run_key": number, "held": lease}).rowcount == 1


def keep_progress(connection: Connection, marks: Sequence[tuple[int, int, int]]) -> None:
    """Note, for each (run, last message applied, size of the log), how far it has come."""
    rows = [{"run_key": number, "seq": seq, "size": size} for number, seq, size in marks]
    if rows:
        connection.execute(_PROGRESS, rows)


def finish_run(connection: Connection, number: int, result: Result, now: float, detail: str) -> Row[Any]:
    """A run ended; stages that never did are skipped, or share the run's fate when they were running.

    The counts of its tests, None when it had none.
    """
    key = {"run_key": number, "ended": result.value, "now": now}
    counts = connection.execute(_FINISH_RUN, {**key, "why": detail or None}).one()
    if counts.has_open_stages:
        connection.execute(_FINISH_STAGES, key)
    return counts


def count_off(connection: Connection, build_id: int) -> int:
    """One run of the build has ended: how many are left."""
    return int(connection.execute(_COUNT_OFF, {"run_key": build_id}).scalar_one())


def wish_cancel(connection: Connection, build_id: int, reason: str) -> list[Row[Any]]:
    """Note on every unfinished run of a build that it is to be cancelled; the rows."""
    connection.execute(_WISH_CANCEL, {"run_key": build_id, "reason": reason})
    return list(connection.execute(_OPEN_OF_BUILD, {"build": build_id}))


def wish_cancel_run(connection: Connection, number: int, reason: str) -> bool:
    """Note on one run that it is to be cancelled; False when it has ended."""
    return connection.execute(_WISH_CANCEL_RUN, {"run_key": number, "reason": reason}).rowcount == 1


def load_open(connection: Connection, build_id: int) -> list[Row[Any]]:
    """The unfinished runs of a build."""
    return list(connection.execute(_OPEN_OF_BUILD, {"build": build_id}))


def keep_detail(connection: Connection, number: int, detail: str) -> None:
    """More became known of why a run ended so."""
    connection.execute(_DETAIL, {"run_key": number, "why": detail})


def replace_run(connection: Connection, number: int) -> None:
    """Mark an attempt as replaced by a newer one."""
    connection.execute(_REPLACE, {"run_key": number})
