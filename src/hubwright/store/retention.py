"""What has been kept long enough goes, in small portions; finding it never holds up a writer.

Rows of deliveries, facts, reports and tasks are numbered in the order of time, so only the oldest are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from hubwright.domain.artifacts import artifact_key
from hubwright.store.schema import (
    approval,
    artifact,
    audit,
    bisection,
    build,
    channel_line,
    culprit,
    delivery,
    fact,
    problem,
    recording,
    repetition,
    report,
    reporter,
    run,
    run_failure,
    stage,
    task,
    test_case,
    token,
)

PORTION = 500
"""Rows of a table that go in one transaction."""


def load_old_deliveries(connection: Connection, before: float) -> list[int]:
    """The oldest deliveries, as far as they ended before that moment."""
    return _oldest(connection, delivery, delivery.c.finished_at < before)


def load_old_reports(connection: Connection, before: float) -> list[int]:
    """The oldest reports, as far as they ended before that moment."""
    return _oldest(connection, report, report.c.finished_at < before)


def load_old_tasks(connection: Connection, before: float) -> list[int]:
    """The oldest tasks, as far as they and their children ended before that moment."""
    children = task.alias()
    has_children = select(children.c.id).where(children.c.parent_id == task.c.id).exists()
    return _oldest(connection, task, task.c.finished_at < before, ~has_children)


def load_old_facts(connection: Connection, before: float, reporters: Sequence[str]) -> list[int]:
    """The oldest facts, as far as they are older than that and these reporters have been handed them."""
    handed = connection.execute(select(func.min(reporter.c.cursor)).where(reporter.c.name.in_(reporters))).scalar()
    return _oldest(connection, fact, fact.c.at < before, *([] if handed is None else [fact.c.id <= handed]))


def load_old_audit(connection: Connection, before: float) -> list[int]:
    """The oldest entries of the audit log."""
    return _oldest(connection, audit, audit.c.at < before)


def load_old_channel_lines(connection: Connection, before: float) -> list[int]:
    """The oldest lines of logs of channels."""
    return _oldest(connection, channel_line, channel_line.c.at < before)


def load_old_repetitions(connection: Connection, before: float) -> list[int]:
    """Answers that are kept for requests which come again, long enough."""
    return _oldest(connection, repetition, repetition.c.asked_at < before)


def load_old_tokens(connection: Connection, now: float) -> list[int]:
    """Tokens and sessions that have run out."""
    return list(connection.execute(select(token.c.id).where(token.c.expires_at < now).limit(PORTION)).scalars())


def delete_rows(connection: Connection, table: Table, ids: Sequence[int]) -> None:
    """Drop rows by their ids."""
    connection.execute(delete(table).where(table.c.id.in_(ids)))


def load_old_artifacts(connection: Connection, before: float, now: float) -> list[tuple[int, str]]:
    """Files kept before that moment or past their own time; id, and where the content is."""
    due = (artifact.c.expires_at < now) | (artifact.c.expires_at.is_(None) & (artifact.c.kept_at < before))
    rows = connection.execute(select(artifact).where(due).limit(PORTION))
    return [(row.id, artifact_key(row.run_id, row.path, row.key)) for row in rows]


def drop_surplus(connection: Connection, total: int) -> list[str]:
    """Drop the oldest files until all have at most `total` bytes, a portion at once; where their content is."""
    size = connection.execute(select(func.coalesce(func.sum(artifact.c.size), 0))).scalar_one()
    gone: dict[int, str] = {}
    if size > total:
        for row in connection.execute(select(artifact).order_by(artifact.c.kept_at, artifact.c.id).limit(PORTION)):
            if size <= total:
                break
            gone[row.id] = artifact_key(row.run_id, row.path, row.key)
            size -= row.size
    connection.execute(delete(artifact).where(artifact.c.id.in_(list(gone))))
    return list(gone.values())


def load_files_of(connection: Connection, runs: Sequence[int]) -> list[tuple[int, str, str | None]]:
    """Run, path and key of all files of these runs."""
    rows = connection.execute(
        select(artifact.c.run_id, artifact.c.path, artifact.c.key).where(artifact.c.run_id.in_(runs))
    )
    return [(row.run_id, row.path, row.key) for row in rows]


def find_runs(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Those of the runs that are there."""
    return set(connection.execute(select(run.c.id).where(run.c.id.in_(numbers))).scalars())


def forget_logs(connection: Connection, runs: Sequence[int]) -> None:
    """Note that the logs of these runs are gone."""
    connection.execute(update(run).where(run.c.id.in_(runs)).values(log_size=0))


def delete_builds(connection: Connection, builds: Sequence[int]) -> list[int]:
    """Drop builds with their runs, stages, test cases and problems; the runs."""
    runs = list(connection.execute(select(run.c.id).where(run.c.build_id.in_(builds))).scalars())
    connection.execute(delete(test_case).where(test_case.c.run_id.in_(runs)))
    connection.execute(delete(problem).where(problem.c.run_id.in_(runs)))
    connection.execute(delete(run_failure).where(run_failure.c.run_id.in_(runs)))
    connection.execute(delete(recording).where(recording.c.run_id.in_(runs)))
    connection.execute(delete(stage).where(stage.c.run_id.in_(runs)))
    connection.execute(delete(run).where(run.c.id.in_(runs)))
    connection.execute(delete(approval).where(approval.c.build_id.in_(builds)))
    connection.execute(delete(build).where(build.c.id.in_(builds)))
    return runs


def load_old_bisections(connection: Connection, before: float) -> list[int]:
    """The oldest searches for culprits, as far as they ended before that moment."""
    return _oldest(connection, bisection, bisection.c.finished_at < before)


def delete_bisections(connection: Connection, ids: Sequence[int]) -> None:
    """Drop searches with what they have found."""
    connection.execute(delete(culprit).where(culprit.c.bisection_id.in_(ids)))
    delete_rows(connection, bisection, ids)


def _oldest(connection: Connection, table: Table, *due: ColumnElement[bool]) -> list[int]:
    last = connection.execute(select(table.c.id).order_by(table.c.id).offset(PORTION - 1).limit(1)).scalar()
    oldest = select(table.c.id).order_by(table.c.id).limit(PORTION)
    if last is not None:
        oldest = oldest.where(table.c.id <= last)
    return list(connection.execute(oldest.where(*due)).scalars())
