"""Test cases of several runs set side by side: which run came before, what changed, what is flaky."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hubwright.domain.results import State
from hubwright.domain.test_difference import Change, Reported
from hubwright.store.schema import build, flaky_test, run, test_case

_CANDIDATES = 400  # runs looked at for one of the same matrix point
_PORTION = 500
_REPORTED = (
    select(test_case.c.id, test_case.c.identity, test_case.c.position, test_case.c.result)
    .where(test_case.c.run_id == bindparam("run_key"), test_case.c.identity.is_not(None))
    .order_by(test_case.c.id)
)
_KEEP_DIFFERENCE = (
    update(run)
    .where(run.c.id == bindparam("run_key"))
    .values(tests_previous=bindparam("previous"), tests_difference=bindparam("difference"))
)


class Origin(NamedTuple):
    """Where a run's build comes from: tests are compared within it."""

    build_id: int
    branch: str | None
    pull_request: int | None


def load_origin(connection: Connection, build_id: int) -> Origin:
    """The build's branch and pull request."""
    query = select(build.c.id, build.c.branch, build.c.pull_request).where(build.c.id == build_id)
    return Origin(*connection.execute(query).one())


def load_previous(connection: Connection, row: Row[Any], origin: Origin) -> int | None:
    """The newest run before with tests: of the same job, platform and matrix point, and of this branch."""
    query = (
        _with_tests(row)
        .where(
            build.c.branch == origin.branch,
            build.c.pull_request.is_not_distinct_from(origin.pull_request),
            build.c.id < row.build_id,
            run.c.latest,
        )
        .order_by(build.c.id.desc(), run.c.id.desc())
        .limit(_CANDIDATES)
    )
    return next(_same_point(connection, query, row), None)


def load_same_commit(connection: Connection, row: Row[Any]) -> list[int]:
    """The other runs with tests of this commit, job, platform and matrix point; earlier attempts too."""
    query = _with_tests(row).where(build.c.sha == row.sha).order_by(run.c.id.desc()).limit(_CANDIDATES)
    return list(_same_point(connection, query, row))[:10]


def _with_tests(row: Row[Any]) -> Select[Any]:
    return (
        select(run.c.id, run.c.matrix)
        .join(build, build.c.id == run.c.build_id)
        .where(
            build.c.job_id == row.job_id,
            run.c.platform == row.platform,
            run.c.id != row.id,
            run.c.tests_total > 0,
            run.c.state == State.FINISHED.value,
        )
    )


def _same_point(connection: Connection, query: Select[Any], row: Row[Any]) -> Iterator[int]:
    return (found.id for found in connection.execute(query) if found.matrix == row.matrix)


def load_reported(connection: Connection, run_id: int) -> list[Reported]:
    """The run's test cases, as far as they are compared."""
    return [Reported(*found) for found in connection.execute(_REPORTED, {"run_key": run_id})]


def load_names(connection: Connection, run_id: int, ids: Sequence[int]) -> list[Row[Any]]:
    """Names of these cases of the run, in the order reported, with their identities."""
    columns = (test_case.c.id, test_case.c.identity, test_case.c.suite, test_case.c.classname, test_case.c.name)
    query = select(*columns).where(test_case.c.run_id == run_id, test_case.c.id.in_(ids)).order_by(test_case.c.id)
    return list(connection.execute(query))


def keep_changes(connection: Connection, change: Change, ids: Sequence[int]) -> None:
    """Note how these cases have changed."""
    for start in range(0, len(ids), _PORTION):
        chosen = test_case.c.id.in_(ids[start : start + _PORTION])
        connection.execute(update(test_case).where(chosen).values(change=change.value))


def keep_difference(connection: Connection, run_id: int, previous: int | None, difference: dict[str, object]) -> None:
    """Note with the run what changed in all."""
    connection.execute(_KEEP_DIFFERENCE, {"run_key": run_id, "previous": previous, "difference": difference})


def mark_flaky(connection: Connection, ids: Sequence[int]) -> None:
    """Note that these cases are of flaky tests."""
    for start in range(0, len(ids), _PORTION):
        chosen = test_case.c.id.in_(ids[start : start + _PORTION])
        connection.execute(update(test_case).where(chosen).values(flaky=True))


def load_marked(connection: Connection, run_id: int) -> list[int]:
    """The cases of the run that its builder has seen fail and pass."""
    query = select(test_case.c.id).where(test_case.c.run_id == run_id, test_case.c.flaky)
    return list(connection.execute(query).scalars())


def load_known_flaky(connection: Connection, row: Row[Any], identities: Iterable[int]) -> set[int]:
    """Which of these tests are known to be flaky in the job on the platform."""
    wanted, found = list(identities), set[int]()
    here = (flaky_test.c.job_id == row.job_id) & (flaky_test.c.platform == row.platform)
    for start in range(0, len(wanted), _PORTION):
        chosen = flaky_test.c.identity.in_(wanted[start : start + _PORTION])
        found.update(connection.execute(select(flaky_test.c.identity).where(here, chosen)).scalars())
    return found


def count_flaky(connection: Connection, row: Row[Any], tests: Sequence[Row[Any]], now: float) -> None:
    """Count that these tests were flaky on the run's commit, once for each commit."""
    if not tests:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(flaky_test)
    renewed = {
        "times": flaky_test.c.times + case((flaky_test.c.sha == statement.excluded.sha, 0), else_=1),
        "sha": statement.excluded.sha,
        "run_id": statement.excluded.run_id,
        "seen_at": statement.excluded.seen_at,
    }
    values = {
        test.identity: {
            "job_id": row.job_id,
            "platform": row.platform,
            "identity": test.identity,
            "suite": test.suite,
            "classname": test.classname,
            "name": test.name,
            "times": 1,
            "sha": row.sha,
            "run_id": row.id,
            "seen_at": now,
        }
        for test in tests
    }
    keys = ["job_id", "platform", "identity"]
    ordered = [values[identity] for identity in sorted(values)]  # two hubs never wait for each other in a circle
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=renewed), ordered)
