"""What is old of a job and its copies: builds and logs, in the order in which they came, a page at a time.

So it costs what goes, and a page more; nothing looks through what stays, and who has nothing that old is passed over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, literal_column, select

from hubwright.domain.job_inheritance import Source
from hubwright.store.jobs import load_effectives
from hubwright.store.schema import artifact, build, job, run

BUILDS, LOGS = 50, 500
"""How many are on a page."""

_AGE = (build.c.number, build.c.finished_at, build.c.queued_at, job.c.builds.label("newest"), job.c.archived_at)


@dataclass(frozen=True, slots=True)
class Line:
    """The builds of a job and of those of its copies that say nothing themselves; or (`copy`) of one that does.

    `family` None: builds that the release before has added. `others` are the copies that have lines of their own.
    `built_at` is when the oldest build came and `logged_at` that of the oldest log, Unix seconds, or earlier; None:
    there is none.
    """

    family: int | None
    copy: int | None = None
    others: frozenset[int] = frozenset()
    built_at: float | None = 0.0
    logged_at: float | None = 0.0

    def has_builds_of(self, before: float) -> bool:
        """Whether any came before that moment."""
        return self.built_at is not None and self.built_at < before

    def has_logs_of(self, before: float) -> bool:
        """Whether any of them has a log."""
        return self.logged_at is not None and self.logged_at < before


class Family(NamedTuple):
    """A job by number, removed or not, that has builds, itself or in copies.

    `built_at` is when the oldest build came, `logged_at` that of the oldest log, Unix seconds; None: there is none.
    """

    id: int
    built_at: float | None
    logged_at: float | None


class CopyApart(NamedTuple):
    """A copy that says something itself, with its parent; `built_at` as of a family."""

    id: int
    parent: int
    built_at: float | None


def load_families(connection: Connection, after: int, limit: int = 200) -> list[Family]:
    """The families by number, from the one behind `after`."""
    first = select(build.c.family.label("family")).where(build.c.family > after).order_by(build.c.family).limit(1)
    found = select(first.subquery().c.family).cte("found", recursive=True)
    inner = build.alias("further")
    following = (
        select(inner.c.family).where(inner.c.family > found.c.family).order_by(inner.c.family).limit(1).correlate(found)
    )
    found = found.union_all(select(following.scalar_subquery()).where(found.c.family.is_not(None)))
    built = select(build.c.queued_at).where(build.c.family == found.c.family).order_by(build.c.id).limit(1)
    logged = (
        select(build.c.queued_at)
        .join(run, run.c.build_id == build.c.id)
        .where(run.c.family == found.c.family, run.c.log_size > literal_column("0"))
        .order_by(run.c.id)
        .limit(1)
    )
    query = select(found.c.family, built.scalar_subquery(), logged.scalar_subquery()).limit(limit)
    return [Family(*row) for row in connection.execute(query) if row.family is not None]


def load_copies_apart(connection: Connection, families: Collection[int]) -> list[CopyApart]:
    """The copies of these jobs that say something themselves."""
    said = (job.c.copy_of.is_not(None), job.c.version > literal_column("0"))  # in the words of the index
    built = select(build.c.queued_at).where(build.c.job_id == job.c.id).order_by(build.c.number).limit(1)
    query = select(job.c.id, job.c.copy_of, built.scalar_subquery())
    query = query.where(job.c.copy_of.in_(families), *said, job.c.copy_of != job.c.id)
    return [CopyApart(*row) for row in connection.execute(query)]


def form_lines(families: Iterable[Family], apart: Iterable[CopyApart]) -> Iterator[Line]:
    """A line of each family and of each copy that is apart."""
    copies: dict[int, list[CopyApart]] = defaultdict(list)
    for copy in apart:
        copies[copy.parent].append(copy)
    for family in families:
        others = frozenset(copy.id for copy in copies[family.id])
        yield Line(family.id, None, others, family.built_at, family.logged_at)
        for copy in copies[family.id]:
            yield Line(family.id, copy.id, frozenset(), copy.built_at, copy.built_at)


def load_builds_of_line(connection: Connection, line: Line, after: int) -> Sequence[Row[Any]]:
    """The oldest builds behind the `place` of one, with how many their job has had and whether they have files."""
    place = build.c.id if line.copy is None else build.c.number
    query = (
        select(build.c.id, place.label("place"), build.c.job_id, *_AGE)
        .join(job, job.c.id == build.c.job_id)
        .where(place > after)
        .order_by(place)
        .limit(BUILDS)
    )
    if line.copy is not None:
        query = query.where(build.c.job_id == line.copy)
    else:
        query = query.where(build.c.family.is_(None) if line.family is None else build.c.family == line.family)
    # Asked of the page only: beside the limit PostgreSQL would read all artifacts, for a page of a large family.
    page = query.subquery("page")
    files = select(artifact.c.id).join(run, run.c.id == artifact.c.run_id).where(run.c.build_id == page.c.id)
    rows = connection.execute(select(page, files.exists().label("has_files"))).all()
    return sorted(rows, key=lambda row: int(row.place))


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
    """For how many days the files of a build are kept by its job's settings; None: as the hub's say by then."""
    path = connection.execute(select(job.c.path).join(build, build.c.job_id == job.c.id).where(build.c.id == build_id))
    found = [one for _, one in load_effectives(connection, path.scalars().all())]
    said = found[0].said.get(("retention", "artifacts")) if found else None
    return None if said is None or said.origin.source is Source.HUB else int(said.value)
