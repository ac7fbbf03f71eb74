"""What has been kept long enough goes, in small portions, so that no writer waits long for it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from hubwright.store.schema import (
    artifact,
    build,
    delivery,
    fact,
    report,
    reporter,
    run,
    stage,
    task,
    test_case,
    token,
)

PORTION = 500
"""Rows of a table that go in one transaction."""


def delete_deliveries(connection: Connection, before: float) -> int:
    """Drop a portion of the deliveries that ended before that moment; how many."""
    return _delete(connection, delivery, delivery.c.finished_at < before)


def delete_tasks(connection: Connection, before: float) -> int:
    """Drop a portion of the reports and tasks that ended before that moment; how many."""
    reports = _delete(connection, report, report.c.finished_at < before)
    return reports + _delete(connection, task, task.c.finished_at < before, task.c.children_left == 0)


def delete_facts(connection: Connection, before: float, reporters: Sequence[str]) -> int:
    """Drop a portion of the facts older than that which these reporters have been handed; how many."""
    handed = connection.execute(select(func.min(reporter.c.cursor)).where(reporter.c.name.in_(reporters))).scalar()
    return _delete(connection, fact, fact.c.at < before, *([] if handed is None else [fact.c.id <= handed]))


def delete_tokens(connection: Connection, now: float) -> int:
    """Drop a portion of the tokens and sessions that have run out; how many."""
    return _delete(connection, token, token.c.expires_at < now)


def delete_artifacts(connection: Connection, before: float, now: float) -> list[tuple[int, str]]:
    """Drop a portion of the files kept before that moment or past their own time; their run and path."""
    due = (artifact.c.expires_at < now) | (artifact.c.expires_at.is_(None) & (artifact.c.kept_at < before))
    rows = connection.execute(select(artifact.c.id, artifact.c.run_id, artifact.c.path).where(due).limit(PORTION)).all()
    connection.execute(delete(artifact).where(artifact.c.id.in_([row.id for row in rows])))
    return [(row.run_id, row.path) for row in rows]


def load_old_logs(connection: Connection, before: float) -> Sequence[int]:
    """A portion of the runs that ended before that moment and still have a log."""
    return (
        connection.execute(
            select(run.c.id).where(run.c.finished_at < before, run.c.log_size > 0).order_by(run.c.id).limit(PORTION)
        )
        .scalars()
        .all()
    )


def forget_logs(connection: Connection, runs: Sequence[int]) -> None:
    """Note that the logs of these runs are gone."""
    connection.execute(update(run).where(run.c.id.in_(runs)).values(log_size=0))


def delete_builds(connection: Connection, before: float) -> int:
    """Drop a portion of the builds that ended before that moment and whose files are gone; how many."""
    kept = select(artifact.c.run_id).join(run, run.c.id == artifact.c.run_id).where(run.c.build_id == build.c.id)
    due = connection.execute(
        select(build.c.id).where(build.c.finished_at < before, ~kept.exists()).order_by(build.c.id).limit(PORTION // 10)
    ).scalars()
    builds = list(due)
    runs = list(connection.execute(select(run.c.id).where(run.c.build_id.in_(builds))).scalars())
    connection.execute(delete(test_case).where(test_case.c.run_id.in_(runs)))
    connection.execute(delete(stage).where(stage.c.run_id.in_(runs)))
    connection.execute(delete(run).where(run.c.id.in_(runs)))
    connection.execute(delete(build).where(build.c.id.in_(builds)))
    return len(builds)


def _delete(connection: Connection, table: Table, *due: ColumnElement[bool]) -> int:
    portion = select(table.c.id).where(*due).limit(PORTION)
    return connection.execute(delete(table).where(table.c.id.in_(portion))).rowcount
