"""Test cases and problems, read for people and programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Select, case, func, select

from hubwright.domain.test_difference import Change
from hubwright.store.schema import build, job, problem, run, test_case
from hubwright.store.views import bounded, load_rows
from hubwright.store.views_values import CaseView, Page

FAILED = ("failed", "error")

_CASE_COLUMNS = [test_case.c[field.name] for field in fields(CaseView)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProblemView:
    """What a run's log says is wrong. `position` is the stage's, `log_offset` where the line begins in the log."""

    id: int
    run_id: int
    position: int
    severity: str
    message: str
    file: str | None
    line: int | None
    col: int | None
    code: str | None
    matcher: str
    log_offset: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFilter:
    """Which test cases are wanted; None is any. `result` is passed, skipped or failed (errors too)."""

    result: str | None = None
    change: str | None = None
    flaky: bool | None = None


def load_tests(
    connection: Connection, run_id: int, wanted: CaseFilter, limit: int = 200, cursor: int | None = None
) -> Page[CaseView]:
    """The run's test cases in the order reported."""
    limit = bounded(limit)
    query = select(*_CASE_COLUMNS).where(test_case.c.run_id == run_id, *_conditions(wanted)).order_by(test_case.c.id)
    if cursor is not None:
        query = query.where(test_case.c.id > cursor)
    cases = tuple(CaseView(**row) for row in load_rows(connection, query.limit(limit + 1)))
    return Page(cases[:limit], cases[limit - 1].id if len(cases) > limit else None)


def _conditions(wanted: CaseFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.result is not None:
        results = FAILED if wanted.result == "failed" else (wanted.result,)
        conditions.append(test_case.c.result.in_(results))
    if wanted.change is not None:
        conditions.append(test_case.c.change == wanted.change)
    if wanted.flaky is not None:
        conditions.append(test_case.c.flaky if wanted.flaky else ~test_case.c.flaky)
    return conditions


def load_failed_tests(connection: Connection, runs: Sequence[int], limit: int = 50) -> dict[int, tuple[CaseView, ...]]:
    """The failed test cases of these runs, by run: first those that fail only now. Of many, each run has its share."""
    fresh = case((test_case.c.change == Change.NOW_FAILING.value, 0), else_=1)
    wanted = test_case.c.run_id.in_(runs), test_case.c.result.in_(FAILED)
    query = _share([*_CASE_COLUMNS, test_case.c.run_id], wanted, (fresh, test_case.c.id), len(runs), bounded(limit))
    found: dict[int, tuple[CaseView, ...]] = {}
    for row in load_rows(connection, query):
        run_id = row.pop("run_id")
        found[run_id] = (*found.get(run_id, ()), CaseView(**row))
    return found


def load_problems(
    connection: Connection, runs: Sequence[int], limit: int = 100, severities: Sequence[str] = ()
) -> dict[int, tuple[ProblemView, ...]]:
    """The problems of these runs, by run: errors first, then as the log has them. Of many, each run has its share."""
    rank = case((problem.c.severity == "error", 0), (problem.c.severity == "warning", 1), else_=2)
    wanted = [problem.c.run_id.in_(runs)]
    if severities:
        wanted.append(problem.c.severity.in_(severities))
    found: dict[int, list[ProblemView]] = defaultdict(list)
    for row in load_rows(connection, _share([*problem.c], wanted, (rank, problem.c.id), len(runs), bounded(limit))):
        found[row["run_id"]].append(ProblemView(**row))
    return {run_id: tuple(problems) for run_id, problems in found.items()}


def load_problem_counts(connection: Connection, runs: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many problems of each severity the runs have, by run."""
    query = select(problem.c.run_id, problem.c.severity, func.count().label("count")).where(problem.c.run_id.in_(runs))
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for row in load_rows(connection, query.group_by(problem.c.run_id, problem.c.severity)):
        found[row["run_id"]][row["severity"]] = row["count"]
    return dict(found)


def _share(
    columns: Sequence[Column[Any]],
    wanted: Sequence[ColumnElement[bool]],
    order: tuple[ColumnElement[Any], Column[Any]],
    runs: int,
    limit: int,
) -> Select[Any]:
    """The first rows of each run, so that one run does not take the room of all; `limit` of one run."""
    key = next(column for column in columns if column.name == "run_id")
    place = func.row_number().over(partition_by=key, order_by=order).label("place")
    ranked = select(*columns, order[0].label("rank"), place).where(*wanted).subquery()
    named = [ranked.c[column.name] for column in columns]
    share = max(limit // max(runs, 1), 1)
    return select(*named).where(ranked.c.place <= share).order_by(ranked.c["rank"], ranked.c.id).limit(limit)


class RunPlace(NamedTuple):
    """Where a run is found: its build, and that build's number in the job."""

    build_id: int
    number: int


def load_run_places(connection: Connection, runs: Sequence[int]) -> dict[int, RunPlace]:
    """The builds of these runs, as far as they are still there."""
    if not runs:
        return {}
    query = select(run.c.id, build.c.id, build.c.number).join(build, build.c.id == run.c.build_id)
    rows = connection.execute(query.where(run.c.id.in_(runs)))
    return {run_id: RunPlace(build_id, number) for run_id, build_id, number in rows}


def load_clone_url(connection: Connection, job_id: int) -> str | None:
    """Where the job's repository lies when that is not where GitHub's lie."""
    found: Any = connection.execute(select(job.c.clone_url).where(job.c.id == job_id)).scalar()
    return None if found is None else str(found)


def load_clone_urls(connection: Connection, job_ids: Sequence[int]) -> dict[int, str | None]:
    """The same of many jobs."""
    rows = connection.execute(select(job.c.id, job.c.clone_url).where(job.c.id.in_(job_ids)))
    return {row.id: row.clone_url for row in rows}
