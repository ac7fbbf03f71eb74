"""What is old of a job and its copies: builds and logs, in the order in which they came, a page at a time.

So it costs what goes, and one page more; nothing looks through what stays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, literal_column, select

from hubwright.store.jobs import load_job_by_id
from hubwright.store.schema import artifact, build, job, run

BUILDS, LOGS = 50, 500
"""How many are on a page."""

_AGE = (build.c.number, build.c.finished_at, build.c.queued_at, job.c.builds.label("newest"), job.c.archived_at)


@dataclass(frozen=True, slots=True)
class Line:
    """The builds of a job and of those of its copies that say nothing themselves; or (`copy`) of one that does.

    `family` None: builds that the release before has added. `others` are the copies that have lines of their own.
    """

    family: int | None
    copy: int | None = None
    others: frozenset[int] = frozenset()


def load_families(connection: Connection, after: int, limit: int = 200) -> list[int]:
    """The jobs, removed ones too, that have builds, themselves or in copies; by number, from the one behind `after`."""
    first = select(build.c.family.label("family")).where(build.c.family > after).order_by(build.c.family).limit(1)
    found = select(first.subquery().c.family).cte("found", recursive=True)
    inner = build.alias("further")
    following = (
        select(inner.c.family).where(inner.c.family > found.c.family).order_by(inner.c.family).limit(1).correlate(found)
    )
    found = found.union_all(select(following.scalar_subquery()).where(found.c.family.is_not(None)))
    rows = connection.execute(select(found.c.family).limit(limit)).scalars()
    return [number for number in rows if number is not None]


def load_copies_apart(connection: Connection, families: Collection[int]) -> dict[int, int]:
    """The copies of these jobs that say something themselves, each with the number of its parent."""
    said = (job.c.copy_of.is_not(None), job.c.version > literal_column("0"))  # in the words of the index
    query = select(job.c.id, job.c.copy_of).where(job.c.copy_of.in_(families), *said, job.c.copy_of != job.c.id)
    return {row.id: row.copy_of for row in connection.execute(query)}


def load_builds_of_line(connection: Connection, line: Line, after: int) -> Sequence[Row[Any]]:
    """The oldest builds behind the `place` of one, with how many their job has had and whether they have files."""
    files = select(artifact.c.id).join(run, run.c.id == artifact.c.run_id).where(run.c.build_id == build.c.id)
    place = build.c.id if line.copy is None else build.c.number
    query = (
        select(build.c.id, place.label("place"), build.c.job_id, *_AGE, files.exists().label("has_files"))
        .join(job, job.c.id == build.c.job_id)
        .where(place > after)
        .order_by(place)
        .limit(BUILDS)
    )
    if line.copy is not None:
        return connection.execute(query.where(build.c.job_id == line.copy)).all()
    of = build.c.family.is_(None) if line.family is None else build.c.family == line.family
    return connection.execute(query.where(of)).all()


def load_logs_of_line(connection: Connection, line: Line, after: int) -> Sequence[Row[Any]]:
    """The oldest runs behind a number that have a log, of all copies, with the same of their builds."""
    of = run.c.family.is_(None) if line.family is None else run.c.family == line.family
    query: Select[Any] = (
        select(run.c.id, run.c.id.label("place"), build.c.job_id, *_AGE)
        .join(build, build.c.id == run.c.build_id)
        .join(job, job.c.id == build.c.job_id)
        .where(of, run.c.log_size > literal_column("0"), run.c.id > after)
        .order_by(run.c.id)
        .limit(LOGS)
    )
    return connection.execute(query).all()


def load_logs_of_builds(connection: Connection, builds: Collection[int]) -> list[int]:
    """The runs of these builds that have a log."""
    query = select(run.c.id).where(run.c.build_id.in_(builds), run.c.log_size > literal_column("0"))
    return list(connection.execute(query).scalars())


def load_days_of_files(connection: Connection, build_id: int) -> int | None:
    """For how many days the files of a build are kept by its job's settings; None: as the hub's say."""
    number = connection.execute(select(build.c.job_id).where(build.c.id == build_id)).scalar()
    found = load_job_by_id(connection, number) if number is not None else None
    return found.settings.retention.artifacts if found is not None else None
