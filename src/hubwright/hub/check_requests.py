"""Reruns and cancels that people ask for at GitHub: the buttons of our check runs."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection

from hubwright.domain.repos import CheckRequest, CheckWish
from hubwright.domain.wording import word_count
from hubwright.errors import ConflictError, NotFoundError
from hubwright.hub.builds import cancel, cancel_run, rerun
from hubwright.store.jobs import load_job_by_id
from hubwright.store.runs import load_runs
from hubwright.store.told import load_builds_of


def fulfil(connection: Connection, request: CheckRequest, now: float) -> str:
    """Do what somebody who may asks for; the outcome in words. What needs approval waits for it again."""
    if request.run is not None:
        return _fulfil_for_run(connection, request, request.run, now)
    done = 0
    for build_id in load_builds_of(connection, request.repository, request.sha):
        with suppress(ConflictError, NotFoundError):  # it has not begun, or has ended
            _act(connection, request, build_id, now)
            done += 1
    return _word(request, done)


def _fulfil_for_run(connection: Connection, request: CheckRequest, number: int, now: float) -> str:
    """For the run of one check run; what failed is begun again in its whole build."""
    row = next(iter(load_runs(connection, [number])), None)
    job = load_job_by_id(connection, row.job_id) if row is not None else None
    if row is None or job is None or not job.is_of(request.repository) or row.sha != request.sha:
        return f"run {number} of commit {request.sha} is not known here"
    try:
        match request.wish:
            case CheckWish.RERUN:
                rerun(connection, row.build_id, now, like=row)
            case CheckWish.CANCEL:
                cancel_run(connection, row, now, _reason(request))
            case CheckWish.RERUN_FAILED:
                _act(connection, request, row.build_id, now)
                return _word(request, 1)
    except ConflictError as error:
        return f"nothing done: {error}"
    return _word(request, 1, "run")


def _act(connection: Connection, request: CheckRequest, build_id: int, now: float) -> None:
    if request.wish is CheckWish.CANCEL:
        cancel(connection, build_id, now, _reason(request))
    else:
        rerun(connection, build_id, now, failed_only=request.wish is CheckWish.RERUN_FAILED)


def _reason(request: CheckRequest) -> str:
    return f"cancelled at GitHub by {request.login}"


def _word(request: CheckRequest, count: int, thing: str = "build") -> str:
    what = "cancelled" if request.wish is CheckWish.CANCEL else "begun again"
    return f"{what}: {word_count(count, thing)}, asked for by {request.login} (GitHub user {request.user_id})"
