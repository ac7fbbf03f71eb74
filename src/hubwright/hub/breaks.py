"""Builds that broke what was good: each place where one did gets a search of its own, as a row."""

from __future__ import annotations

from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, Row

from hubwright.domain.jobs import Commits
from hubwright.domain.repos import NO_COMMIT, Trust
from hubwright.domain.results import Result, State
from hubwright.domain.sights import Target, choose_targets
from hubwright.store import bisections, builds, runs, sights
from hubwright.store.jobs import load_job_by_id

MAX_OPEN = 8
"""Searches of one job that go on at a time, where no setting says otherwise; breaks beyond are not searched for."""

logger = structlog.get_logger()


class Share(NamedTuple):
    """What one search gets: builds, and tests to look for, at most; and how many `searches` a job has at a time."""

    builds: int
    targets: int
    searches: int


def note_break(connection: Connection, build_id: int, share: Share, now: float) -> int:
    """Begin to search for what broke this build of a push, on each platform by itself; how many searches were added.

    Only for jobs with `commits: bisect`, only after failures (the code's fault), and for nothing that is searched for
    already. The same build twice adds nothing.
    """
    row = builds.load_build_row(connection, build_id)
    if row is None or row.state != State.FINISHED or row.branch is None or row.trust != Trust.TRUSTED:
        return 0
    job = load_job_by_id(connection, row.job_id)
    if job is None or not job.enabled or job.settings.commits is not Commits.BISECT:
        return 0
    failed = [run for run in runs.load_newest(connection, build_id) if run.result == Result.FAILURE]
    return sum(_note_run(connection, row, run, share, now) for run in failed)


def _note_run(connection: Connection, build: Row[Any], run: Row[Any], share: Share, now: float) -> bool:
    count, known = bisections.load_known_targets(connection, run, build.branch)
    targets = [
        target
        for target in find_targets(connection, run, build.branch, share.targets)
        if bisections.mark_of(target.stage, target.test, target.identity) not in known
    ]
    if not targets:
        return False
    if count >= share.searches:
        logger.warning("break_not_searched_for", build=build.id, open_searches=count)
        return False
    before = run.assignment.get("env", {}).get("CI_PREV_COMMIT_SHA")
    values = {
        "job_id": build.job_id,
        "platform": run.platform,
        "matrix": run.matrix,
        "ref": build.ref,
        "branch": build.branch,
        "build_id": build.id,
        "run_id": run.id,
        "before": None if before == NO_COMMIT else before,
        "bad": build.sha,
        "targets": [target.to_json() for target in targets],
        "state": bisections.WAITING,
        "max_builds": share.builds,
        "next_try_at": now,
        "created_at": now,
    }
    bisections.keep_bisection(connection, values)
    return True


def find_targets(connection: Connection, run: Row[Any], branch: str, most: int) -> list[Target]:
    """What fails in this run and did not before; nothing when all that fails is old or flaky."""
    return choose_targets(
        sights.load_stage_ends(connection, run.id),
        sights.load_failed_cases(connection, run),
        sights.load_failed_before(connection, run, branch, ("push",)),
        most,
    )
