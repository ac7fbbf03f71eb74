"""Builds, runs and the first page, read for people and programs: few queries, each bounded.

The other lists are in `views_jobs`, `views_lists` and `views_queue`, the values in `views_values`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, bindparam, func, literal_column, select

from hubwright.domain.scheduling import split_labels
from hubwright.errors import NotFoundError
from hubwright.store.reach import newest_below
from hubwright.store.schema import build, gh_repository, job, run, stage
from hubwright.store.views_values import BuildFilter, BuildView, HomeView, Page, RunView, StageView, Totals

MAX_PAGE = 200
"""Items of a list at once, at most."""

MAX_BAD = 5_000
"""Bad builds that the first page looks at for jobs that are broken still."""

_COUNTS = ("total", "passed", "skipped", "failed")


def _columns_of(table: Table, view: type[Any], *more: str) -> list[Column[Any]]:
    """The columns that the view has a field for, and these."""
    wanted = {field.name for field in fields(view)} | set(more)
    return [column for column in table.c if column.name in wanted]


_BUILD_COLUMNS = [*_columns_of(build, BuildView), job.c.path.label("job")]
_RUN_COLUMNS = _columns_of(run, RunView, *(f"tests_{name}" for name in _COUNTS))
# Literals, not parameters: SQLite uses a partial index only where it sees the index's own condition.
QUEUED: ColumnElement[str] = literal_column("'queued'")
RUNNING: ColumnElement[str] = literal_column("'running'")
FINISHED: ColumnElement[str] = literal_column("'finished'")
NOT_SUCCESS: ColumnElement[bool] = build.c.result != literal_column("'success'")
_BAD = (
    build.c.result.in_([literal_column(f"'{result}'") for result in ("failure", "error", "timeout")]),
    build.c.pull_request.is_(None),
)
_BAD_AT_ONCE = 250
_SEARCHED = "bisect"  # builds of searches for culprits: they say nothing of how a job stands
_BUILDS = select(*_BUILD_COLUMNS).join(job, job.c.id == build.c.job_id)
_BY_IDS = _BUILDS.where(build.c.id.in_(bindparam("ids", expanding=True))).order_by(build.c.id)
_ALL_RUNS = select(*_RUN_COLUMNS).where(run.c.build_id.in_(bindparam("ids", expanding=True))).order_by(run.c.id)
_LATEST_RUNS = _ALL_RUNS.where(run.c.latest)
_STAGES = (
    select(*stage.c)
    .where(stage.c.run_id.in_(bindparam("ids", expanding=True)))
    .order_by(stage.c.run_id, stage.c.position)
)
_SETTLED = ("success", "failure", "error", "timeout")  # a skip or a cancellation says nothing of the code


def bounded(limit: int) -> int:
    """`limit` between one and `MAX_PAGE`."""
    return max(1, min(limit, MAX_PAGE))


def load_rows(
    connection: Connection, query: Select[Any], values: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The query's rows, each with its columns by name."""
    result = connection.execute(query, values)
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


def load_builds(
    connection: Connection, wanted: BuildFilter, limit: int = 50, cursor: int | None = None
) -> Page[BuildView]:
    """The builds that `wanted` names, newest first, with their latest runs and stages.

    A cursor is only good for the question that it came with: it is a number within the job, or an id.
    """
    limit = bounded(limit)
    # of a job there is an index on the number; those of its branches go by the id
    order = build.c.number if wanted.job is not None and _is_all_of_job(wanted) else build.c.id
    job_id = (
        None if wanted.job is None else connection.execute(select(job.c.id).where(job.c.path == wanted.job)).scalar()
    )
    if wanted.job is not None and job_id is None:
        return Page((), None)
    conditions = _conditions(wanted, job_id)
    if cursor is not None:
        conditions.append(order < cursor)
    if wanted.folders is not None:
        conditions.append(newest_below(connection, wanted.folders, conditions, limit + 1))
    query = _BUILDS.where(*conditions).order_by(order.desc()).limit(limit + 1)
    builds = _load(connection, query)
    return Page(builds[:limit], getattr(builds[limit - 1], order.name) if len(builds) > limit else None)


def load_build(connection: Connection, build_id: int) -> BuildView:
    """The build with its runs, replaced attempts too. Raises NotFoundError."""
    found = load_whole_builds(connection, [build_id])
    if not found:
        raise NotFoundError(f"There is no build {build_id}.")
    return found[0]


def load_whole_builds(connection: Connection, ids: Iterable[int]) -> tuple[BuildView, ...]:
    """The builds of these ids that are there, at most `MAX_PAGE`, oldest first, with all runs, replaced ones too."""
    return _load(connection, _BY_IDS, {"ids": list(ids)[:MAX_PAGE]}, replaced=True)


def load_builds_by_ids(connection: Connection, ids: Iterable[int]) -> tuple[BuildView, ...]:
    """The builds of these ids that are there, at most `MAX_PAGE`, oldest first, with their latest runs and stages."""
    return _load(connection, _BY_IDS, {"ids": list(ids)[:MAX_PAGE]})


def load_newest_builds(connection: Connection, ids: Iterable[int]) -> dict[int, BuildView]:
    """The builds of these ids, at most `MAX_PAGE`, without their runs."""
    wanted = list(ids)[:MAX_PAGE]
    if not wanted:
        return {}
    rows = load_rows(connection, _BY_IDS, {"ids": wanted})
    return {row["id"]: BuildView(**row) for row in rows}


def load_run(connection: Connection, run_id: int) -> RunView:
    """The run with its stages. Raises NotFoundError."""
    rows = load_rows(connection, select(*_RUN_COLUMNS).where(run.c.id == run_id))
    if not rows:
        raise NotFoundError(f"There is no run {run_id}.")
    return _run(rows[0], load_stages(connection, [run_id]).get(run_id, ()))


def load_stages(connection: Connection, runs: Sequence[int]) -> dict[int, tuple[StageView, ...]]:
    """The stages of each run, in their order."""
    found: dict[int, list[StageView]] = defaultdict(list)
    if runs:
        for row in load_rows(connection, _STAGES, {"ids": runs}):
            found[row["run_id"]].append(StageView(**row))
    return {key: tuple(stages) for key, stages in found.items()}


def load_home(connection: Connection, limit: int = 20) -> HomeView:
    """What runs, what has finished last, which jobs are broken, and how much waits."""
    limit = bounded(limit)
    newest = _BUILDS.order_by(build.c.id.desc()).limit(limit)
    counts = {
        state: connection.execute(select(func.count()).where(run.c.state == state)).scalar_one()
        for state in (QUEUED, RUNNING)
    }
    return HomeView(
        running=_load(connection, newest.where(*_in_state("running"))),
        finished=_load(connection, newest.where(*_in_state("finished"))),
        broken=_load_broken(connection, limit),
        queued=counts[QUEUED],
        running_runs=counts[RUNNING],
    )


def _load_broken(connection: Connection, limit: int) -> tuple[BuildView, ...]:
    """Of every job the newest build that tells something, where it did not succeed: newest first.

    Builds of the default branch tell it; where that branch is unknown or unbuilt, those of any branch. What a job's
    copies build says nothing of the job. Found through the newest bad builds, of which MAX_BAD are looked at.
    """
    seen: set[int] = set()
    found: set[int] = set()
    last: int | None = None
    for _ in range(MAX_BAD // _BAD_AT_ONCE):
        rows = connection.execute(_NEWEST_BAD if last is None else _NEWEST_BAD.where(build.c.id < last)).all()
        jobs = {row.job_id for row in rows} - seen
        if jobs:
            seen |= jobs
            telling = [one for one in connection.execute(_TELLING, {"ids": list(jobs)}).scalars() if one]
            # asked with the result, PostgreSQL would read all builds that are no success
            results = connection.execute(_RESULTS, {"ids": telling})
            found.update(number for number, result in results if result != "success")
        if len(rows) < _BAD_AT_ONCE or len(found) >= limit:
            break
        last = rows[-1].id
    first = sorted(found, reverse=True)[:limit]
    return _load(connection, _BY_IDS, {"ids": first})[::-1] if first else ()


def _telling() -> Select[Any]:
    """Of every job that is no copy the newest build that tells something."""
    telling = (
        select(build.c.id)
        .where(build.c.job_id == job.c.id, build.c.state == "finished", build.c.result.in_(_SETTLED))
        .where(build.c.pull_request.is_(None), build.c.event != _SEARCHED)
    )
    of_default = telling.where(build.c.branch == gh_repository.c.default_branch).order_by(build.c.id.desc()).limit(1)
    of_any = telling.order_by(build.c.number.desc()).limit(1)
    return (
        select(func.coalesce(of_default.scalar_subquery(), of_any.scalar_subquery()).label("id"))
        .select_from(job.outerjoin(gh_repository, gh_repository.c.id == job.c.repository_id))
        .where(job.c.enabled, job.c.copy_of.is_(None), job.c.id.in_(bindparam("ids", expanding=True)))
    )


_TELLING = _telling()
_RESULTS = select(build.c.id, build.c.result).where(build.c.id.in_(bindparam("ids", expanding=True)))
_NEWEST_BAD = select(build.c.id, build.c.job_id).where(*_BAD).order_by(build.c.id.desc()).limit(_BAD_AT_ONCE)


def _is_all_of_job(wanted: BuildFilter) -> bool:
    """Whether the job's numbers are the index to go by."""
    return wanted.branch is None and wanted.sha is None and wanted.result in {None, "success"}


def _conditions(wanted: BuildFilter, job_id: int | None) -> list[ColumnElement[bool]]:
    """The same for the database. `job_id` is a value, not a question within: PostgreSQL has to know how many it has."""
    exact = {
        build.c.repository: wanted.repository,
        build.c.branch: wanted.branch,
        build.c.result: wanted.result,
    }
    conditions: list[ColumnElement[bool]] = [column == value for column, value in exact.items() if value is not None]
    if wanted.result not in {None, "success"}:
        conditions.append(NOT_SUCCESS)
    if job_id is not None:
        # a commit has few builds, a job may have any number: nothing but the commit's index is to be thought of then
        key = build.c.job_id if wanted.sha is None else build.c.job_id + 0
        conditions.append(key == job_id)
    if wanted.state is not None:
        conditions += _in_state(wanted.state)
    if wanted.sha is not None:
        conditions.append(_sha(wanted.sha.lower()))
    if wanted.told:
        conditions.append(build.c.event != _SEARCHED)
    return conditions


def _in_state(state: str) -> list[ColumnElement[bool]]:
    """The second condition, needless as it looks, lets SQLite take the small index of unfinished builds."""
    exact = build.c.state == state
    return [exact] if state == "finished" else [exact, build.c.state != FINISHED]


def _sha(sha: str) -> ColumnElement[bool]:
    """The whole name, or its start as a range, which an index serves and no wildcard can widen."""
    return build.c.sha == sha if len(sha) >= 40 else build.c.sha.between(sha, sha + "g")


def _load(
    connection: Connection, query: Select[Any], values: Mapping[str, Any] | None = None, *, replaced: bool = False
) -> tuple[BuildView, ...]:
    """The query's builds with their runs and stages: three queries, however many builds."""
    builds = load_rows(connection, query, values)
    if not builds:
        return ()
    runs = _load_runs(connection, [one["id"] for one in builds], replaced=replaced)
    return tuple(_with_runs(one, runs.get(one["id"], [])) for one in builds)


def _load_runs(connection: Connection, builds: list[int], *, replaced: bool) -> dict[int, list[RunView]]:
    rows = load_rows(connection, _ALL_RUNS if replaced else _LATEST_RUNS, {"ids": builds})
    stages = load_stages(connection, [row["id"] for row in rows])
    found: dict[int, list[RunView]] = defaultdict(list)
    for row in rows:
        found[row["build_id"]].append(_run(row, stages.get(row["id"], ())))
    return found


def _with_runs(values: dict[str, Any], runs: list[RunView]) -> BuildView:
    latest = tuple(each for each in runs if each.latest)
    earlier = tuple(each for each in runs if not each.latest)
    one = BuildView(**values, runs=latest, earlier=earlier, tests=_sum(latest))
    if one.awaits_approval or all(each.state != "held" for each in runs):
        return one
    return replace(one, runs=_limit(latest), earlier=_limit(earlier))


def _limit(runs: tuple[RunView, ...]) -> tuple[RunView, ...]:
    """What is held of a build that waits for nobody's approval is held within limits."""
    return tuple(replace(each, limited=True) if each.state == "held" else each for each in runs)


def _run(values: dict[str, Any], stages: tuple[StageView, ...]) -> RunView:
    counts = {name: values.pop(f"tests_{name}") for name in _COUNTS}
    tests = None if counts["total"] is None else Totals(**{name: count or 0 for name, count in counts.items()})
    return RunView(**{**values, "labels": split_labels(values["labels"])}, tests=tests, stages=stages)


def _sum(runs: tuple[RunView, ...]) -> Totals | None:
    found = [each.tests for each in runs if each.tests is not None]
    if not found:
        return None
    return Totals(
        total=sum(tests.total for tests in found),
        passed=sum(tests.passed for tests in found),
        skipped=sum(tests.skipped for tests in found),
        failed=sum(tests.failed for tests in found),
    )
