"""Counts what builds of each job came to: each fact exactly once, whichever hub is quicker."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from hubwright.domain.facts import Fact
from hubwright.domain.figures import Series
from hubwright.domain.pipeline_figures import DURATION, Life, PipelineNames, count_facts
from hubwright.store import figures, reports
from hubwright.store.database import Database
from hubwright.store.schema import build, job

NAME = "pipelines"
"""The cursor in the facts is kept under this name."""

SINCE: Series = ("cicd.since", ())
"""When it was begun to count, Unix time."""

BATCH = 500
"""Facts counted in one transaction."""

_PARENT = job.alias("parent")


class PipelineCounting:
    """The drain that counts, from the moment on at which the first hub begins."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cursor: int | None = None

    def enroll(self, now: float) -> None:
        """Begin at the newest fact, where no hub has begun. Call it before anything can happen."""

        def begin(connection: Connection) -> None:
            reports.keep_cursor(connection, NAME, reports.load_newest_fact(connection))
            figures.keep_first(connection, SINCE, now)

        self._database.write(begin)

    def drain(self) -> None:
        """Count every new fact."""
        while self._count_batch():
            pass

    def _count_batch(self) -> bool:
        """Whether there may be more."""
        with self._database.reading() as connection:
            cursor = self._cursor
            if cursor is None:
                cursor = reports.load_cursors(connection).get(NAME)
            facts = [] if cursor is None else reports.load_facts(connection, cursor, BATCH)
            counts = _count(connection, [fact for _, fact in facts if fact is not None])
        if cursor is None or not facts:
            return False
        newest = facts[-1][0]

        def keep(connection: Connection) -> bool:
            if not reports.keep_reports(connection, NAME, before=cursor, cursor=newest, reports=(), now=0.0):
                return False  # another hub has counted them
            figures.add_counts(connection, counts)
            return True

        self._cursor = newest if self._database.write(keep) else None
        return self._cursor is None or len(facts) == BATCH


def _count(connection: Connection, facts: list[Fact]) -> dict[Series, float]:
    if not facts:
        return {}
    names = PipelineNames(figures.load_first_labels(connection, DURATION))
    lives = _load_lives(connection, {fact.build_id for fact in facts if fact.build_id is not None})
    return count_facts(facts, lives, names)


def _load_lives(connection: Connection, ids: set[int]) -> dict[int, Life]:
    pipeline = func.coalesce(_PARENT.c.path, job.c.path)
    rows = connection.execute(
        select(build.c.id, pipeline.label("pipeline"), build.c.queued_at, build.c.started_at)
        .join(job, job.c.id == build.c.job_id)
        .outerjoin(_PARENT, _PARENT.c.id == job.c.copy_of)
        .where(build.c.id.in_(sorted(ids)))
    )
    return {row.id: Life(row.pipeline, row.queued_at, row.started_at) for row in rows}
