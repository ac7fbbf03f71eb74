"""Known failures, read for people, reports and programs. Each list goes along an index, newest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, union_all

from hubwright.domain.known_failures import KnownFailure, Sighted, split_issue
from hubwright.errors import NotFoundError
from hubwright.store.reach import below, load_few_families
from hubwright.store.repos import find_repository
from hubwright.store.schema import build, gh_issue, job, known_failure, known_failure_place, run, run_failure
from hubwright.store.views import MAX_PAGE, bounded, load_rows
from hubwright.store.views_values import Page

LOOKED = 2_000
"""Of more than fifty jobs below folders, so many of the newest failures of all jobs are looked through."""

_COLUMNS = [
    known_failure.c[name]
    for name in ("id", "fingerprint", "kind", "title", "newest", "last_at", "issue", "linked_by", "linked_at")
]


@dataclass(frozen=True, slots=True)
class FailureFilter:
    """Which are wanted: of the job or copy at a path, `linked` to an issue or not, below folders; None for any."""

    job: str | None = None
    linked: bool | None = None
    folders: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenView:
    """A run that a failure was seen in."""

    run_id: int
    build_id: int
    number: int
    job: str
    platform: str
    matrix: dict[str, str]
    result: str | None
    sha: str
    branch: str | None
    pull_request: int | None
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class IssueView:
    """An issue, as GitHub has told of it; `state` is open or closed."""

    title: str
    state: str


def load_known_failures(
    connection: Connection, wanted: FailureFilter, limit: int = 50, cursor: int | None = None
) -> Page[KnownFailure]:
    """Those that were seen last come first. Raises NotFoundError when there is no such job."""
    limit = bounded(limit)
    query = _find(connection, wanted, cursor).order_by(known_failure.c.newest.desc()).limit(limit + 1)
    found = _load(connection, query)
    return Page(found[:limit], found[limit - 1].newest if len(found) > limit else None)


def load_known_failure(connection: Connection, number: int) -> KnownFailure:
    """One of them. Raises NotFoundError."""
    found = _load(connection, _select().where(known_failure.c.id == number))
    if not found:
        raise NotFoundError(f"There is no known failure {number}.")
    return found[0]


def load_failures_of_runs(connection: Connection, runs: Sequence[int]) -> dict[int, tuple[KnownFailure, ...]]:
    """What these runs, at most `MAX_PAGE`, failed with, by run."""
    if not runs:
        return {}
    of_runs = run_failure.c.run_id.in_(list(runs)[:MAX_PAGE])
    query = select(run_failure.c.run_id, run_failure.c.known_failure_id).where(of_runs).order_by(run_failure.c.id)
    pairs = connection.execute(query).all()
    wanted = {pair.known_failure_id for pair in pairs}
    known = {one.id: one for one in _load(connection, _select().where(known_failure.c.id.in_(wanted)))}
    found: dict[int, tuple[KnownFailure, ...]] = defaultdict(tuple)
    for pair in pairs:
        if pair.known_failure_id in known:
            found[pair.run_id] += (known[pair.known_failure_id],)
    return dict(found)


def load_seen(connection: Connection, number: int, limit: int = 30) -> tuple[SeenView, ...]:
    """The newest runs that the failure was seen in, as far as they are still there."""
    newest = select(run_failure.c.id, run_failure.c.run_id).where(run_failure.c.known_failure_id == number)
    newest_ = newest.order_by(run_failure.c.id.desc()).limit(bounded(limit)).subquery()
    columns = (build.c.number, build.c.sha, build.c.branch, build.c.pull_request, job.c.path.label("job"))
    query = (
        select(run.c.id.label("run_id"), run.c.build_id, run.c.platform, run.c.matrix, run.c.result, *columns)
        .add_columns(run.c.finished_at)
        .join(newest_, newest_.c.run_id == run.c.id)
        .join(build, build.c.id == run.c.build_id)
        .join(job, job.c.id == build.c.job_id)
        .order_by(newest_.c.id.desc())
    )
    return tuple(SeenView(**row) for row in load_rows(connection, query))


def load_twins(connection: Connection, one: KnownFailure, limit: int = 20) -> tuple[KnownFailure, ...]:
    """Failures of other jobs that have the same fingerprint."""
    same = (known_failure.c.fingerprint == one.fingerprint, known_failure.c.id != one.id)
    return _load(connection, _select().where(*same).order_by(known_failure.c.family).limit(bounded(limit)))


def load_issue(connection: Connection, issue: str | None) -> IssueView | None:
    """What the copy of GitHub knows of the issue."""
    known = split_issue(issue)
    if known is None:
        return None
    here = (gh_issue.c.repository_id == find_repository(known[0]), gh_issue.c.number == known[1])
    row = connection.execute(select(gh_issue.c.title, gh_issue.c.state).where(*here)).first()
    return None if row is None else IssueView(row.title or "", row.state or "open")


def _select() -> Select[Any]:
    return select(*_COLUMNS, job.c.path.label("job")).join(job, job.c.id == known_failure.c.family)


def _find(connection: Connection, wanted: FailureFilter, cursor: int | None) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = []
    if cursor is not None:
        conditions.append(known_failure.c.newest < cursor)
    if wanted.linked is not None:
        conditions.append(known_failure.c.issue.is_not(None) if wanted.linked else known_failure.c.issue.is_(None))
    if wanted.job is not None:
        family = select(func.coalesce(job.c.copy_of, job.c.id)).where(job.c.path == wanted.job)
        number = connection.execute(family).scalar()
        if number is None:
            raise NotFoundError(f"There is no job {wanted.job[:400]!r}.")
        conditions.append(known_failure.c.family == number)
    elif wanted.folders is not None:
        conditions.append(_newest_below(connection, wanted.folders, conditions))
    return _select().where(*conditions, job.c.archived_at.is_(None))


def _newest_below(
    connection: Connection, folders: Sequence[str], conditions: Sequence[ColumnElement[bool]]
) -> ColumnElement[bool]:
    newest = select(known_failure.c.id).where(*conditions).order_by(known_failure.c.newest.desc())
    families = load_few_families(connection, folders)
    if families is None:
        some = newest.add_columns(known_failure.c.family).limit(LOOKED).subquery()
        inside = select(some.c.id).join(job, job.c.id == some.c.family).where(below(job.c.path, folders))
        return known_failure.c.id.in_(inside)
    if not families:
        return known_failure.c.id.in_([])
    each = [newest.where(known_failure.c.family == family).limit(MAX_PAGE + 1).subquery() for family in families]
    return known_failure.c.id.in_(union_all(*(select(one.c.id) for one in each)))


def _load(connection: Connection, query: Select[Any]) -> tuple[KnownFailure, ...]:
    rows = load_rows(connection, query)
    places: dict[int, list[Sighted]] = defaultdict(list)
    if rows:
        place = known_failure_place
        of_rows = place.c.known_failure_id.in_([row["id"] for row in rows])
        for found in connection.execute(select(place).where(of_rows).order_by(place.c.times.desc(), place.c.platform)):
            sighted = Sighted(found.platform, found.times, found.first_at, found.last_at)
            places[found.known_failure_id].append(sighted)
    return tuple(KnownFailure(**row, places=tuple(places[row["id"]])) for row in rows)
