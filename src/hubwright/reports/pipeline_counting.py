"""Counts what builds of each job came to: each fact exactly once, whichever hub is quicker."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from hubwright.domain.facts import Fact
from hubwright.domain.figures import Series
from hubwright.domain.pipeline_figures import DURATION, Life, PipelineNames, count_facts
from hubwright.reports.fact_counts import CountedFacts
from hubwright.store import figures
from hubwright.store.database import Database
from hubwright.store.schema import build, job

NAME = "pipelines"
"""The cursor in the facts is kept under this name."""

SINCE: Series = ("cicd.since", ())
"""When it was begun to count, Unix time."""

_PARENT = job.alias("parent")


class PipelineCounting:
    """The drain that counts, from the moment on at which the first hub begins."""

    def __init__(self, database: Database) -> None:
        self._facts = CountedFacts(database, NAME, _count)

    def enroll(self, now: float) -> None:
        """Begin at the newest fact, where no hub has begun. Call it before anything can happen."""
        self._facts.enroll(lambda connection: figures.keep_first(connection, SINCE, now))

    def drain(self) -> None:
        """Count every new fact."""
        for _ in self._facts.drain():
            pass


def _count(connection: Connection, facts: Sequence[Fact]) -> dict[Series, float]:
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
