"""The tests of a job, read for people and programs: how each stands in the newest runs, and what it did before.

What is looked at is bounded: the newest builds of a branch, and of each platform and matrix point at most MOST runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, case, func, or_, select

from hubwright.domain.flakiness import Flakiness, Start, find_start, measure_flakiness
from hubwright.domain.results import State
from hubwright.errors import NotFoundError
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.jobs import load_job
from hubwright.store.repos import load_default_branch
from hubwright.store.schema import build, flaky_test, run, test_case
from hubwright.store.test_strips import Mark, Strip, load_marks, split_points
from hubwright.store.views_results import FAILED
from hubwright.store.views_values import Page

WINDOW = 120
"""Builds of the branch that are looked at, the newest ones."""

MOST_AT_ONCE = 30
"""Tests of a page, at most: each has a strip for every platform."""

_RUNS = 1_500
_POINTS = 24  # platforms and matrix points, those that ran last
_STANDING = {"failed": (3,), "passed": (1, 2), "skipped": (0,)}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobTestFilter:
    """Which tests are wanted; None is any. `result` is failed, passed or skipped, `name` a part of a name."""

    name: str | None = None
    result: str | None = None
    flaky: bool | None = None
    slowest: bool = False


@dataclass(frozen=True, slots=True)
class Tested:
    """Where tests are looked for. `branch` None: the builds of all; `points` are rows of runs, newest first."""

    job: str
    job_id: int
    branch: str | None
    points: dict[str, list[Any]]

    @property
    def newest(self) -> list[Any]:
        """The newest run of each point that no other attempt has replaced."""
        found = (next((row for row in rows if row.latest), None) for rows in self.points.values())
        return [row for row in found if row is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobTest:
    """A test of a job: `result` is the worst of the newest runs, `seconds` the longest; strips newest first.

    `start`, of each strip, is where its failing began. `known` counts the commits on which it ever was flaky.
    """

    identity: int
    suite: str
    classname: str
    name: str
    result: str
    seconds: float | None
    file: str | None
    line: int | None
    strips: tuple[Strip, ...]
    flakiness: Flakiness
    known: int

    @property
    def starts(self) -> tuple[tuple[Strip, Start], ...]:
        """The strips whose newest runs fail, and where that began."""
        found = ((strip, find_start(strip.marks)) for strip in self.strips)
        return tuple((strip, start) for strip, start in found if start is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """The newest failure of a test: the run that has it, and what that told."""

    mark: Mark
    platform: str
    matrix: dict[str, str]
    case_id: int
    message: str | None
    file: str | None
    line: int | None


def load_tested(connection: Connection, path: str, branch: str | None = None) -> Tested:
    """The newest runs with tests of a job or copy, on `branch`, else the default one. Raises NotFoundError.

    Where the default branch is not known or was not built, and of copies, the builds of all branches.
    """
    found = load_job(connection, path)
    if found is None:
        raise NotFoundError(f"There is no job {path[:400]!r}.")
    if branch is None and found.copy_of is None:
        named = found.settings.default_branch or load_default_branch(connection, found.repository)
        built = select(build.c.id).where(build.c.job_id == found.id, build.c.branch == named).limit(1)
        branch = named if named is not None and connection.execute(built).first() else None
    newest = select(build.c.id).where(build.c.job_id == found.id).limit(WINDOW)
    if branch is None:
        newest = newest.order_by(build.c.number.desc())
    else:
        newest = newest.where(build.c.branch == branch, build.c.pull_request.is_(None)).order_by(build.c.id.desc())
    builds = list(connection.execute(newest).scalars())
    return Tested(path, found.id, branch, _load_points(connection, builds) if builds else {})


def _load_points(connection: Connection, builds: Sequence[int]) -> dict[str, list[Any]]:
    totals = (run.c.tests_total, run.c.tests_passed, run.c.tests_skipped, run.c.tests_failed)
    query = (
        select(run.c.id, run.c.platform, run.c.matrix, run.c.finished_at, run.c.build_id, run.c.latest, *totals)
        .add_columns(build.c.number, build.c.sha)
        .join(build, build.c.id == run.c.build_id)
        .where(run.c.build_id.in_(builds), run.c.state == State.FINISHED.value, run.c.tests_total > 0)
        .where(build.c.event != BUILT_FOR_IT)
        .order_by(run.c.build_id.desc(), run.c.id.desc())
        .limit(_RUNS)
    )
    points = split_points(connection.execute(query))
    return {point: points[point] for point in sorted(list(points)[:_POINTS])}


def load_tests_of_job(
    connection: Connection, tested: Tested, wanted: JobTestFilter, limit: int = MOST_AT_ONCE, cursor: int | None = None
) -> Page[JobTest]:
    """The tests of the newest runs: failed first, then those known as flaky, each the slowest first.

    With `slowest` by their time alone. The cursor is how many came before.
    """
    limit, before = max(1, min(limit, MOST_AT_ONCE)), cursor or 0
    runs = [row.id for row in tested.newest]
    if not runs:
        return Page(())
    flaky = test_case.c.identity.in_(select(flaky_test.c.identity).where(flaky_test.c.job_id == tested.job_id))
    standing = case((test_case.c.result.in_(FAILED), 3), (test_case.c.result == "skipped", 0), (flaky, 2), else_=1)
    worst, longest = func.max(standing, type_=Integer), func.coalesce(func.max(test_case.c.seconds), 0.0)
    query = select(test_case.c.identity, worst, longest).where(
        test_case.c.run_id.in_(runs), *_conditions(wanted, flaky)
    )
    query = query.where(test_case.c.identity.is_not(None)).group_by(test_case.c.identity)
    if wanted.result is not None:
        query = query.having(worst.in_(_STANDING[wanted.result]))
    order = (longest.desc(), worst.desc()) if wanted.slowest else (worst.desc(), longest.desc())
    query = query.order_by(*order, test_case.c.identity).limit(limit + 1).offset(before)
    rows = connection.execute(query).all()
    views = _load_views(connection, tested, [row.identity for row in rows[:limit]])
    return Page(views, before + limit if len(rows) > limit else None)


def _conditions(wanted: JobTestFilter, flaky: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.flaky is not None:
        conditions.append(flaky if wanted.flaky else ~flaky)
    if wanted.name is not None:
        names = (test_case.c.name, test_case.c.classname, test_case.c.suite)
        conditions.append(or_(*(name.icontains(wanted.name, autoescape=True) for name in names)))
    return conditions


def load_test(connection: Connection, tested: Tested, identity: int) -> JobTest:
    """One test with its strips. Raises NotFoundError when none of the runs has reported it."""
    found = _load_views(connection, tested, [identity])
    if not found:
        where = "" if tested.branch is None else f" on {tested.branch}"
        raise NotFoundError(f"None of the newest builds of {tested.job}{where} has reported this test.")
    return found[0]


def load_newest_failure(connection: Connection, test: JobTest) -> Failure | None:
    """The newest failure in the strips; None when there is none."""
    failed = [(mark, strip) for strip in test.strips for mark in strip.marks if mark.result in FAILED]
    if not failed:
        return None
    mark, strip = max(failed, key=lambda one: (one[0].build_id, one[0].run_id))
    query = (
        select(test_case.c.id, test_case.c.message, test_case.c.file, test_case.c.line)
        .where(test_case.c.run_id == mark.run_id, test_case.c.identity == test.identity)
        .where(test_case.c.result.in_(FAILED))
        .order_by(test_case.c.id)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    told = {"case_id": row.id, "message": row.message, "file": row.file, "line": row.line}
    return Failure(mark=mark, platform=strip.platform, matrix=strip.matrix, **told)


def _load_views(connection: Connection, tested: Tested, tests: Sequence[int]) -> tuple[JobTest, ...]:
    """In the order of `tests`; those that no run has reported are left out."""
    if not tests or not tested.points:
        return ()
    strips = load_marks(connection, tested.points, tests)
    newest = {test: _newest_of(strips[test], {row.id for row in tested.newest}) for test in tests}
    places = {(mark.run_id, test) for test, marks in newest.items() for mark in marks[:1]}
    columns = (test_case.c.run_id, test_case.c.identity, test_case.c.suite, test_case.c.classname, test_case.c.name)
    query = select(*columns, test_case.c.file, test_case.c.line).where(
        test_case.c.run_id.in_({place for place, _ in places}), test_case.c.identity.in_(tests)
    )
    named = {row.identity: row for row in connection.execute(query) if (row.run_id, row.identity) in places}
    known = _load_known(connection, tested.job_id, tests)
    return tuple(
        _view(test, named[test], strips[test], newest[test], known.get(test, 0)) for test in tests if test in named
    )


def _newest_of(strips: Sequence[Strip], runs: set[int]) -> list[Mark]:
    """What the newest runs say, else the newest of all that say something; the worst first."""
    told = [mark for strip in strips for mark in strip.marks if mark.result is not None]
    current = [mark for mark in told if mark.run_id in runs]
    newest = max(told, key=lambda mark: (mark.build_id, mark.run_id), default=None)
    marks = current or ([newest] if newest is not None else [])
    return sorted(marks, key=lambda mark: (mark.result not in FAILED, mark.result != "passed"))


def _view(test: int, row: Any, strips: tuple[Strip, ...], newest: Sequence[Mark], known: int) -> JobTest:
    return JobTest(
        identity=test,
        suite=row.suite,
        classname=row.classname,
        name=row.name,
        result=newest[0].result or "skipped",
        seconds=max((mark.seconds for mark in newest if mark.seconds is not None), default=None),
        file=row.file,
        line=row.line,
        strips=strips,
        flakiness=measure_flakiness(strip.marks for strip in strips),
        known=known,
    )


def _load_known(connection: Connection, job_id: int, tests: Sequence[int]) -> dict[int, int]:
    """On how many commits each was flaky, as far as the hub counted."""
    query = select(flaky_test.c.identity, func.sum(flaky_test.c.times)).where(
        and_(flaky_test.c.job_id == job_id, flaky_test.c.identity.in_(tests))
    )
    return {identity: int(times) for identity, times in connection.execute(query.group_by(flaky_test.c.identity))}
