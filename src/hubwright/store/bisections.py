"""Searches for culprits as rows: a search goes on from its row after a crash at any moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.results import Result, State
from hubwright.store.reports import keep_cursor, load_cursors, load_newest_fact
from hubwright.store.schema import bisection, build, culprit, fact, gh_branch, job, reporter, run

WAITING, SEARCHING, FOUND, ENDED, CANCELLED = "waiting", "searching", "found", "ended", "cancelled"
OPEN = (WAITING, SEARCHING)
CURSOR = "bisections"
"""The name under which it is kept how far the facts were looked through for broken builds."""

BUILT_FOR_IT = "bisect"
"""The event of builds that a search has asked for."""

_OPEN: ColumnElement[bool] = bisection.c.state.in_(OPEN)
_FACTS = 500


def load_news(connection: Connection) -> tuple[int | None, int, list[int]]:
    """How far was looked, how far there is to look now, and the builds of pushes that have failed between."""
    cursor = load_cursors(connection).get(CURSOR)
    if cursor is None:
        return None, load_newest_fact(connection), []
    newest = max(load_newest_fact(connection), cursor)
    if newest == cursor:
        return cursor, cursor, []
    query = select(fact.c.id, fact.c.build_id, fact.c.data).where(fact.c.id > cursor, fact.c.id <= newest)
    ended = query.where(fact.c.kind == FactKind.BUILD_FINISHED.value).order_by(fact.c.id).limit(_FACTS)
    rows = connection.execute(ended).all()
    failed = [row.build_id for row in rows if _is_broken_push(row.data)]
    return cursor, newest if len(rows) < _FACTS else rows[-1].id, list(dict.fromkeys(failed))


def concerns_searches(told: Fact) -> bool:
    """Whether a build has ended that a search may begin because of, or that one has asked for."""
    ended = told.kind is FactKind.BUILD_FINISHED
    return ended and (told.data.get("event") == BUILT_FOR_IT or _is_broken_push(told.data))


def _is_broken_push(data: Mapping[str, Any]) -> bool:
    return data.get("result") == Result.FAILURE and data.get("event") == "push"


def move_cursor(connection: Connection, before: int | None, after: int) -> bool:
    """Note how far was looked. False, and nothing changed, when another process did it."""
    if before is None:
        keep_cursor(connection, CURSOR, after)
        return False
    moved = update(reporter).where(reporter.c.name == CURSOR, reporter.c.cursor == before).values(cursor=after)
    return connection.execute(moved).rowcount == 1


def keep_bisection(connection: Connection, values: Mapping[str, Any]) -> int:
    """Add a search; its id."""
    empty: dict[str, Any] = {"commits": [], "findings": []}
    added = connection.execute(insert(bisection).values(empty | dict(values)).returning(bisection.c.id))
    return int(added.scalar_one())


def load_open(connection: Connection, limit: int = 200) -> list[Row[Any]]:
    """The searches that go on, oldest first."""
    return list(connection.execute(select(bisection).where(_OPEN).order_by(bisection.c.id).limit(limit)))


def load_bisection(connection: Connection, number: int) -> Row[Any] | None:
    """A search."""
    return connection.execute(select(bisection).where(bisection.c.id == number)).one_or_none()


def lock_bisection(connection: Connection, row: Row[Any]) -> bool:
    """Hold the search until the transaction ends; whether it still stands as in `row`."""
    query = select(bisection.c.state, bisection.c.builds).where(bisection.c.id == row.id).with_for_update()
    now = connection.execute(query).one_or_none()
    return now is not None and (now.state, now.builds) == (row.state, row.builds)


def change_bisection(connection: Connection, number: int, **values: Any) -> None:
    """Write these columns of a search."""
    connection.execute(update(bisection).where(bisection.c.id == number).values(values))


def load_known_targets(connection: Connection, row: Row[Any], branch: str) -> tuple[int, set[str]]:
    """How many searches of the job go on, and what is searched for where this run was, or was because of its build."""
    query = select(bisection).where(bisection.c.job_id == row.job_id, _OPEN | (bisection.c.build_id == row.build_id))
    found = connection.execute(query).all()
    here = [one for one in found if (one.platform, one.matrix, one.branch) == (row.platform, row.matrix, branch)]
    known = {_mark(target) for one in here for target in one.targets}
    return sum(one.state in OPEN for one in found), known


def _mark(target: Mapping[str, Any]) -> str:
    return f"{target['stage']} {target['identity'] or target['test']}"


def mark_of(stage: str | None, test: str | None, identity: int | None) -> str:
    """The same target has the same mark in every search."""
    return _mark({"stage": stage, "test": test, "identity": identity})


def load_own_build(connection: Connection, job_id: int, trigger: str) -> Row[Any] | None:
    """The build that a search asked for."""
    return connection.execute(select(build).where(build.c.job_id == job_id, build.c.trigger == trigger)).one_or_none()


def load_branch(connection: Connection, row: Row[Any]) -> tuple[bool, Row[Any] | None]:
    """Whether the search's branch was deleted, and the newest build of a push to it after the broken one."""
    repository = select(job.c.repository_id).where(job.c.id == row.job_id).scalar_subquery()
    gone = select(gh_branch.c.deleted_at).where(gh_branch.c.repository_id == repository, gh_branch.c.name == row.branch)
    newest = (
        select(build)
        .where(build.c.job_id == row.job_id, build.c.branch == row.branch, build.c.event == "push")
        .where(build.c.id > (row.build_id or 0), build.c.pull_request.is_(None))
        .order_by(build.c.id.desc())
        .limit(1)
    )
    return connection.execute(gone).scalar() is not None, connection.execute(newest).one_or_none()


def keep_culprits(connection: Connection, culprits: Sequence[Mapping[str, Any]]) -> None:
    """Add commits that were found."""
    if culprits:
        connection.execute(insert(culprit), [dict(one) for one in culprits])


def load_culprits_of(connection: Connection, numbers: Iterable[int]) -> dict[int, list[Row[Any]]]:
    """What each of these searches has found."""
    found: dict[int, list[Row[Any]]] = {}
    query = select(culprit).where(culprit.c.bisection_id.in_(list(numbers))).order_by(culprit.c.sha)
    for row in connection.execute(query):
        found.setdefault(row.bisection_id, []).append(row)
    return found


def load_places(connection: Connection, job_id: int, sha: str) -> list[Row[Any]]:
    """Where the job was built: runs of the commit, failed ones first, else those of its newest builds."""
    columns = (run.c.platform, run.c.matrix, build.c.ref, build.c.branch)
    runs = select(*columns).join(build, build.c.id == run.c.build_id).where(build.c.job_id == job_id, run.c.latest)
    order = (func.coalesce(run.c.result, "") != "failure", run.c.id.desc())
    at_commit = list(connection.execute(runs.where(build.c.sha == sha).order_by(*order).limit(50)))
    newest = runs.where(build.c.event != BUILT_FOR_IT).order_by(build.c.id.desc(), run.c.id).limit(50)
    return at_commit + list(connection.execute(newest))


def is_unfinished(row: Row[Any] | None) -> bool:
    """Whether there is such a build, and it goes on."""
    return row is not None and row.state != State.FINISHED
