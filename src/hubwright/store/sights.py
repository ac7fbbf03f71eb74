"""What the builds of a job say of the failures that a search is about, commit by commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from hubwright.domain.bisection import Sight
from hubwright.domain.repos import Trust
from hubwright.domain.results import State
from hubwright.domain.sights import UNTESTABLE, FailedCase, Seen, StageEnd, Target, look
from hubwright.domain.test_difference import Change, name_test
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.schema import build, run, stage, test_case

_PORTION = 500
_WORST = {"failed": 3, "error": 3, "passed": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """Where builds are comparable: of one job, on one platform, at one matrix point. `own` begins our triggers.

    `alone`: only builds of our own count, as they run a command of their own.
    """

    job_id: int
    platform: str
    matrix: Mapping[str, str]
    own: str
    alone: bool = False


def load_sights(
    connection: Connection, point: Point, shas: Sequence[str], targets: Sequence[Target]
) -> dict[str, dict[str, list[Sight]]]:
    """What all runs that have ended say: commit → target → sights, oldest first. Untrusted builds say nothing."""
    sights: dict[str, dict[str, list[Sight]]] = defaultdict(lambda: defaultdict(list))
    for seen in load_seen(connection, point, shas, targets):
        for target in targets:
            sights[seen.sha][target.key] += look(target, seen)
    return {sha: dict(each) for sha, each in sights.items()}


def load_seen(connection: Connection, point: Point, shas: Sequence[str], targets: Sequence[Target]) -> list[Seen]:
    """The runs that have ended at these commits, and own builds that ended without one."""
    rows = [row for row in _load_runs(connection, point, shas) if row.id is None or row.matrix == point.matrix]
    stages = _load_stages(connection, [row.id for row in rows if row.id is not None], alone=point.alone)
    cases = _load_cases(connection, [row.id for row in rows if row.id is not None], targets)
    found = []
    for row in rows:
        own = row.trigger.startswith(point.own)
        if row.id is None and not (own and row.state == State.FINISHED):
            continue  # a build that was never on this platform, or that waits
        if point.alone and not own:
            continue
        result = row.ended if row.id is None else row.result
        cut = row.event == BUILT_FOR_IT and not own
        ends, tests = stages.get(row.id, {}), cases.get(row.id, {})
        found.append(Seen(sha=row.sha, result=result, own=own, cut=cut, stages=ends, cases=tests))
    return found


def _load_runs(connection: Connection, point: Point, shas: Sequence[str]) -> list[Row[Any]]:
    here = and_(run.c.build_id == build.c.id, run.c.platform == point.platform, run.c.state == State.FINISHED.value)
    query = (
        select(build.c.sha, build.c.trigger, build.c.event, build.c.state, build.c.result.label("ended"), run.c.id)
        .add_columns(run.c.result, run.c.matrix)
        .select_from(build.outerjoin(run, here))
        .where(build.c.job_id == point.job_id, build.c.trust == Trust.TRUSTED.value)
        .order_by(build.c.id, run.c.id)
    )
    return [
        row
        for start in range(0, len(shas), _PORTION)
        for row in connection.execute(query.where(build.c.sha.in_(shas[start : start + _PORTION])))
    ]


def _load_stages(connection: Connection, runs: Sequence[int], *, alone: bool) -> dict[int, dict[str, str | None]]:
    """How each run's stages ended; an own command may say that it can't tell."""
    found: dict[int, dict[str, str | None]] = defaultdict(dict)
    for start in range(0, len(runs), _PORTION):
        query = select(stage.c.run_id, stage.c.name, stage.c.result, stage.c.exit_code)
        for row in connection.execute(query.where(stage.c.run_id.in_(runs[start : start + _PORTION]))):
            found[row.run_id][row.name] = None if alone and row.exit_code == UNTESTABLE else row.result
    return found


def _load_cases(connection: Connection, runs: Sequence[int], targets: Sequence[Target]) -> dict[int, dict[str, str]]:
    """The worst result of each wanted test in each run, by the target's key."""
    identities = {one.identity: one.key for one in targets if one.identity is not None}
    names = {one.test: one.key for one in targets if one.test is not None and one.identity is None}
    found: dict[int, dict[str, str]] = defaultdict(dict)
    if not identities and not names:
        return found
    columns = (test_case.c.run_id, test_case.c.identity, test_case.c.classname, test_case.c.name, test_case.c.result)
    wanted = test_case.c.identity.in_(list(identities)) if not names else None
    for start in range(0, len(runs), _PORTION):
        query = select(*columns).where(test_case.c.run_id.in_(runs[start : start + _PORTION]))
        for row in connection.execute(query if wanted is None else query.where(wanted)):
            key = identities.get(row.identity) or names.get(row.name) or names.get(name_test(row.classname, row.name))
            if key is not None and _WORST.get(row.result, 1) > _WORST.get(found[row.run_id].get(key, ""), 0):
                found[row.run_id][key] = row.result
    return found


def load_failed_cases(connection: Connection, row: Row[Any], limit: int = 1000) -> list[FailedCase]:
    """The failed tests of a run, as the search needs them; all are fresh where no run came before."""
    query = (
        select(test_case)
        .where(test_case.c.run_id == row.id, test_case.c.result.in_(("failed", "error")))
        .order_by(test_case.c.id)
        .limit(limit)
    )
    return [
        FailedCase(
            case.position,
            case.identity,
            name_test(case.classname, case.name),
            row.tests_previous is None or case.change == Change.NOW_FAILING,
            case.flaky,
        )
        for case in connection.execute(query)
    ]


def load_stage_ends(connection: Connection, run_id: int) -> list[StageEnd]:
    """How the run's stages ended, in their order."""
    columns = (stage.c.position, stage.c.name, stage.c.result, stage.c.allow_failure)
    return [
        StageEnd(*row)
        for row in connection.execute(select(*columns).where(stage.c.run_id == run_id).order_by(stage.c.position))
    ]


def load_failed_before(connection: Connection, row: Row[Any], branch: str, events: Iterable[str]) -> set[str]:
    """The stages that failed in the newest run before of the same job, branch, platform and matrix point."""
    query = (
        select(run.c.id, run.c.matrix)
        .join(build, build.c.id == run.c.build_id)
        .where(
            build.c.job_id == row.job_id,
            build.c.branch == branch,
            build.c.id < row.build_id,
            build.c.event.in_(list(events)),
            run.c.platform == row.platform,
            run.c.latest,
            run.c.result.in_(("success", "failure")),
        )
        .order_by(build.c.id.desc())
        .limit(50)
    )
    before = next((found.id for found in connection.execute(query) if found.matrix == row.matrix), None)
    ends = load_stage_ends(connection, before) if before is not None else []
    return {end.name for end in ends if end.result == "failure"}


def load_settled_run(connection: Connection, point: Point, sha: str) -> Row[Any] | None:
    """The newest run of a commit that tells something of its code."""
    query = (
        select(run, build.c.job_id)
        .join(build, build.c.id == run.c.build_id)
        .where(build.c.job_id == point.job_id, build.c.sha == sha, build.c.trust == Trust.TRUSTED.value)
        .where(run.c.platform == point.platform, run.c.result.in_(("success", "failure")))
        .order_by(run.c.id.desc())
        .limit(50)
    )
    return next((row for row in connection.execute(query) if row.matrix == point.matrix), None)
