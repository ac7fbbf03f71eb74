"""Runs on their way: waiting, leased, told about, ended. A message under a stale lease changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, case, exists, func, insert, select, update

from hubwright.domain.results import Result, State
from hubwright.domain.scheduling import FreeBuilder, WaitingRun, fits
from hubwright.store.moments import moment
from hubwright.store.schema import build, builder, job, run, stage, test_case
from hubwright.wire import Case, Job, Tests
from hubwright.wire import Result as ResultMessage

QUEUED, RUNNING, FINISHED = State.QUEUED.value, State.RUNNING.value, State.FINISHED.value


def load_waiting(connection: Connection, free: Sequence[FreeBuilder], limit: int) -> list[WaitingRun]:
    """Queued runs that one of these builders could take, first come first, higher priority before; locked."""
    wanted = connection.execute(select(run.c.platform).where(run.c.state == QUEUED).distinct()).scalars()
    able = [platform for platform in wanted if any(fits(platform, one.platform) for one in free)]
    if not able:
        return []
    rows = connection.execute(
        select(run.c.id, run.c.platform)
        .where(run.c.state == QUEUED, run.c.platform.in_(able))
        .order_by(run.c.priority.desc(), run.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [WaitingRun(id=row.id, platform=row.platform) for row in rows]


def lease_runs(connection: Connection, pairs: Sequence[tuple[int, str]], now: float) -> list[Row[Any]]:
    """Hand runs to builders under a new lease number each; the rows with their build and job."""
    whose = case(dict(pairs), value=run.c.id)
    ids = [number for number, _ in pairs]
    connection.execute(
        update(run)
        .where(run.c.id.in_(ids))
        .values(
            state=RUNNING,
            builder=whose,
            lease=run.c.lease + 1,
            leased_at=now,
            started_at=func.coalesce(run.c.started_at, moment(now)),
            seq=0,
            log_size=0,
        )
    )
    return load_runs(connection, ids)


def load_runs(connection: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    """Runs with what facts and orders tell of their build and job."""
    return list(connection.execute(_runs().where(run.c.id.in_(ids))))


def load_held(connection: Connection, name: str) -> list[Row[Any]]:
    """The runs that a builder holds."""
    return list(connection.execute(_runs().where(run.c.state == RUNNING, run.c.builder == name)))


def load_cancelled(connection: Connection) -> list[Row[Any]]:
    """Running runs that somebody wants cancelled."""
    return list(connection.execute(_runs().where(run.c.state == RUNNING, run.c.cancel.is_not(None))))


def load_lost(connection: Connection, unseen_since: float) -> list[Row[Any]]:
    """Running runs whose builder nobody has seen since that moment."""
    seen = exists().where(builder.c.name == run.c.builder, builder.c.seen_at >= unseen_since)
    return list(connection.execute(_runs().where(run.c.state == RUNNING, run.c.leased_at < unseen_since, ~seen)))


def _runs() -> Any:
    return (
        select(
            run,
            build.c.job_id,
            build.c.number,
            build.c.repository,
            build.c.sha,
            build.c.ref,
            build.c.state.label("build_state"),
            job.c.path.label("job"),
            job.c.clone_url,
        )
        .join(build, build.c.id == run.c.build_id)
        .join(job, job.c.id == build.c.job_id)
    )


def start_builds(connection: Connection, ids: Iterable[int], now: float) -> list[Row[Any]]:
    """Mark queued builds running; the rows of those that were still queued."""
    statement = (
        update(build)
        .where(build.c.id.in_(set(ids)), build.c.state == QUEUED)
        .values(state=RUNNING, started_at=func.coalesce(build.c.started_at, moment(now)))
        .returning(build)
    )
    return list(connection.execute(statement))


def requeue_run(connection: Connection, number: int, lease: int) -> bool:
    """Put a run back that its builder never heard of; whether it was still held under that lease."""
    statement = (
        update(run)
        .where(run.c.id == number, run.c.lease == lease, run.c.state == RUNNING)
        .values(state=QUEUED, builder=None)
    )
    return connection.execute(statement).rowcount == 1


def keep_progress(connection: Connection, number: int, seq: int, log_size: int) -> None:
    """Note the last message applied and the log's size."""
    connection.execute(
        update(run).where(run.c.id == number).values(seq=seq, log_size=_largest(connection, run.c.log_size, log_size))
    )


def _largest(connection: Connection, column: Any, value: int) -> Any:
    """The larger of a column and a value; the two databases name it differently."""
    return func.greatest(column, value) if connection.dialect.name == "postgresql" else func.max(column, value)


def start_stage(connection: Connection, message: Job) -> Row[Any] | None:
    """A stage begins (again)."""
    return connection.execute(
        update(stage)
        .where(stage.c.run_id == message.run, stage.c.position == message.stage)
        .values(
            state=RUNNING,
            attempt=message.attempt,
            result=None,
            started_at=func.coalesce(stage.c.started_at, moment(message.at)),
            log_start=func.coalesce(stage.c.log_start, message.log),
        )
        .returning(stage)
    ).one_or_none()


def finish_stage(connection: Connection, message: ResultMessage) -> Row[Any] | None:
    """A stage ended."""
    return connection.execute(
        update(stage)
        .where(stage.c.run_id == message.run, stage.c.position == message.stage)
        .values(
            state=FINISHED,
            result=message.result,
            exit_code=message.exit_code,
            detail=message.detail or None,
            finished_at=message.at,
            log_end=message.log,
        )
        .returning(stage)
    ).one_or_none()


def finish_run(connection: Connection, number: int, result: Result, now: float, detail: str) -> None:
    """A run ended; stages that never did are skipped, or share the run's fate when they were running."""
    connection.execute(
        update(run)
        .where(run.c.id == number)
        .values(state=FINISHED, result=result.value, finished_at=now, detail=detail or None)
    )
    unfinished = and_(stage.c.run_id == number, stage.c.state != FINISHED)
    fate = case((stage.c.state == QUEUED, Result.SKIP.value), else_=result.value)
    connection.execute(
        update(stage)
        .where(unfinished)
        .values(
            state=FINISHED,
            result=fate,
            finished_at=case((stage.c.state == RUNNING, moment(now))),
        )
    )


def count_off(connection: Connection, build_id: int) -> int:
    """One run of the build has ended: how many are left."""
    statement = update(build).where(build.c.id == build_id).values(runs_left=build.c.runs_left - 1)
    return int(connection.execute(statement.returning(build.c.runs_left)).scalar_one())


def load_results(connection: Connection, build_id: int) -> list[Result]:
    """The results of a build's newest attempts."""
    rows = connection.execute(select(run.c.result).where(run.c.build_id == build_id, run.c.latest))
    return [Result(row.result) for row in rows if row.result is not None]


def keep_tests(connection: Connection, message: Tests) -> None:
    """Add test cases and count them."""
    connection.execute(insert(test_case), [_case(message, case) for case in message.cases])
    counted = {
        "tests_total": len(message.cases),
        "tests_passed": sum(case.result == "passed" for case in message.cases),
        "tests_skipped": sum(case.result == "skipped" for case in message.cases),
        "tests_failed": sum(case.result in ("failed", "error") for case in message.cases),
    }
    added = {name: func.coalesce(run.c[name], 0) + count for name, count in counted.items()}
    connection.execute(update(run).where(run.c.id == message.run).values(added))


def _case(message: Tests, case: Case) -> dict[str, Any]:
    return {
        "run_id": message.run,
        "position": message.stage,
        "suite": case.suite,
        "classname": case.classname,
        "name": case.name,
        "result": case.result,
        "seconds": case.seconds,
        "message": case.message or None,
    }


def wish_cancel(connection: Connection, build_id: int, reason: str) -> list[Row[Any]]:
    """Note on every unfinished run of a build that it is to be cancelled; the rows."""
    connection.execute(update(run).where(run.c.build_id == build_id, run.c.state != FINISHED).values(cancel=reason))
    return list(connection.execute(_runs().where(run.c.build_id == build_id, run.c.state != FINISHED)))


def load_newest(connection: Connection, build_id: int) -> list[Row[Any]]:
    """The newest attempts of a build's runs, in the order of the plan."""
    return list(connection.execute(_runs().where(run.c.build_id == build_id, run.c.latest).order_by(run.c.id)))


def replace_run(connection: Connection, number: int) -> None:
    """Mark an attempt as replaced by a newer one."""
    connection.execute(update(run).where(run.c.id == number).values(latest=False))
