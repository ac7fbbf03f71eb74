"""The last runs of one test, platform by platform: what it did in each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from hubwright.domain.results import State
from hubwright.store.repos import load_default_branch
from hubwright.store.schema import build, run, test_case
from hubwright.store.views_values import BuildView

MOST = 30
"""Runs of a platform and matrix point that are shown."""

_RUNS = 480  # looked at for all platforms
_RANK = {"passed": 0, "skipped": 1, "failed": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What a test did in a run: `result` None when the run has not reported it. `finished_at` in Unix seconds."""

    run_id: int
    build_id: int
    number: int
    sha: str
    finished_at: float | None
    result: str | None
    seconds: float | None
    flaky: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """The newest runs first, at most MOST, of a platform and matrix point."""

    platform: str
    matrix: dict[str, str]
    marks: tuple[Mark, ...]


def load_strips(connection: Connection, of: BuildView, tests: Collection[int]) -> dict[int, tuple[Strip, ...]]:
    """By the test's identity: its runs up to this build, of the build's branch and the default branch."""
    if not tests:
        return {}
    return load_marks(connection, _load_runs(connection, of), tests)


def load_marks(
    connection: Connection, runs: Mapping[str, Sequence[Any]], tests: Collection[int]
) -> dict[int, tuple[Strip, ...]]:
    """What these tests did in these runs, which are rows by platform and matrix point, newest first."""
    wanted = [row.id for rows in runs.values() for row in rows]
    query = select(test_case.c.run_id, test_case.c.identity, test_case.c.result, test_case.c.seconds, test_case.c.flaky)
    query = query.where(test_case.c.run_id.in_(wanted), test_case.c.identity.in_(tests))
    found: dict[tuple[int, int], Any] = {}
    for case in connection.execute(query):
        known = found.get((case.run_id, case.identity))
        if known is None or _RANK.get(case.result, 3) > _RANK.get(known.result, 3):  # of one name the worst counts
            found[case.run_id, case.identity] = case
    return {
        test: tuple(
            Strip(
                platform=rows[0].platform,
                matrix=rows[0].matrix or {},
                marks=tuple(_mark(row, found.get((row.id, test))) for row in rows),
            )
            for rows in runs.values()
            if any((row.id, test) in found for row in rows)
        )
        for test in tests
    }


def split_points(rows: Iterable[Any]) -> dict[str, list[Any]]:
    """Rows of runs by platform and matrix point, at most MOST of each, in the order in which they come."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        point = found.setdefault(f"{row.platform} {sorted((row.matrix or {}).items())}", [])
        if len(point) < MOST:
            point.append(row)
    return found


def load_case(connection: Connection, run_id: int, case_id: int) -> tuple[str, str, str] | None:
    """Suite, class and name of a run's test case; None when there is none."""
    names = select(test_case.c.suite, test_case.c.classname, test_case.c.name)
    row = connection.execute(names.where(test_case.c.id == case_id, test_case.c.run_id == run_id)).one_or_none()
    return None if row is None else (row.suite, row.classname, row.name)


def _load_runs(connection: Connection, of: BuildView) -> dict[str, list[Any]]:
    """Runs with tests by platform and matrix point, newest first."""
    own = and_(build.c.branch == of.branch, build.c.pull_request.is_not_distinct_from(of.pull_request))
    default = load_default_branch(connection, of.repository)
    query = (
        select(run.c.id, run.c.platform, run.c.matrix, run.c.finished_at, run.c.build_id, build.c.number, build.c.sha)
        .join(build, build.c.id == run.c.build_id)
        .where(
            build.c.job_id == of.job_id,
            build.c.id <= of.id,
            or_(own, and_(build.c.branch == default, build.c.pull_request.is_(None))),
            run.c.latest,
            run.c.state == State.FINISHED.value,
            run.c.tests_total > 0,
        )
        .order_by(build.c.id.desc(), run.c.id.desc())
        .limit(_RUNS)
    )
    return split_points(connection.execute(query))


def _mark(row: Any, case: Any | None) -> Mark:
    return Mark(
        run_id=row.id,
        build_id=row.build_id,
        number=row.number,
        sha=row.sha,
        finished_at=row.finished_at,
        result=None if case is None else case.result,
        seconds=None if case is None else case.seconds,
        flaky=case is not None and case.flaky,
    )
