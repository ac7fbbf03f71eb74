"""What people ask of builds: cancel, run again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, update

from hubwright.domain.builds import ASKED_FOR, MANUAL
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.repos import Manual, Repository, Trust
from hubwright.domain.results import Result, State
from hubwright.domain.waiting import FETCHING
from hubwright.errors import ConflictError, NotFoundError
from hubwright.hub import moves
from hubwright.hub.streaks import tell_streak
from hubwright.hub.wishes import keep_wish
from hubwright.store import kinds, runs
from hubwright.store.admission import block_again
from hubwright.store.bisections import BUILT_FOR_IT
from hubwright.store.builds import finish_build, load_build_row, note_problem
from hubwright.store.facts import keep_facts
from hubwright.store.jobs import load_job_by_id
from hubwright.store.schema import build


def cancel(connection: Connection, build_id: int, now: float, reason: str) -> int:
    """Cancel what is not finished of a build: queued runs end at once, running ones are told to; how many.

    Raises NotFoundError, ConflictError.
    """
    row = load_build_row(connection, build_id)
    if row is None:
        raise NotFoundError(f"There is no build {build_id}.")
    if row.state == State.FINISHED:
        raise ConflictError(f"Build {build_id} is finished already.")
    unfinished = runs.wish_cancel(connection, build_id, reason)
    _end_waiting(connection, row, unfinished, now, reason)
    return max(len(unfinished), 1)


def cancel_run(connection: Connection, row: Row[Any], now: float, reason: str) -> None:
    """Cancel the newest attempt of one run, of which `row` is any attempt: a queued one ends, a running one is told to.

    Its build goes on with its other runs. Raises ConflictError.
    """
    newest = next((run for run in runs.load_newest(connection, row.build_id) if _is_like(run, row)), row)
    if not runs.wish_cancel_run(connection, newest.id, reason):
        raise ConflictError(f"Run {newest.id} is finished already.")
    if newest.state in {runs.QUEUED, runs.HELD}:
        keep_facts(connection, moves.end_run(connection, newest, Result.CANCELLATION, now, reason))


def _is_like(run: Row[Any], other: Row[Any]) -> bool:
    """Whether both are attempts of the same run of a build."""
    return (run.platform, run.labels, run.matrix) == (other.platform, other.labels, other.matrix)


def drop_waiting(connection: Connection, build_id: int, now: float, reason: str) -> None:
    """Cancel what waits of a build, and leave alone what runs; a finished build stays as it is."""
    row = load_build_row(connection, build_id)
    if row is not None and row.state != State.FINISHED:
        _end_waiting(connection, row, runs.load_open(connection, build_id), now, reason)


def _end_waiting(
    connection: Connection, row: Row[Any], unfinished: Sequence[Row[Any]], now: float, reason: str
) -> None:
    facts: list[Fact] = []
    for run in unfinished:
        if run.state in {runs.QUEUED, runs.HELD}:
            facts += moves.end_run(connection, run, Result.CANCELLATION, now, reason)
    if not unfinished:  # it waited for its repository and had no run yet
        finish_build(connection, row.id, Result.CANCELLATION, now, reason)
        facts.append(_ended(connection, row, now, Result.CANCELLATION))
    keep_facts(connection, facts)


def rerun(
    connection: Connection,
    build_id: int,
    now: float,
    *,
    failed_only: bool = False,
    platform: str | None = None,
    like: Row[Any] | None = None,
) -> list[int]:
    """Begin the finished runs of a build again, as new attempts; their old ids.

    With `platform`, a name or glob as the recipe has it or a builder's, only its runs. With `like`, a run's row, only
    the newest attempt of that run. A build that ended before it had a run (its recipe
    was wrong, its repository did not answer) is planned again. Raises NotFoundError, ConflictError.
    """
    row = load_build_row(connection, build_id)
    if row is None:
        raise NotFoundError(f"There is no build {build_id}.")
    there = kinds.load_runs_on(connection, build_id, platform) if platform is not None else set()
    chosen = [
        run
        for run in runs.load_newest(connection, build_id)
        if run.state == runs.FINISHED
        and (not failed_only or run.result != Result.SUCCESS)
        and (platform is None or run.platform == platform or run.id in there)
        and (like is None or _is_like(run, like))
    ]
    if not chosen and platform is None and row.state == State.FINISHED and not runs.load_newest(connection, build_id):
        _plan_again(connection, row, now)
        return []
    if not chosen:
        where = "" if platform is None else f" on {platform}"
        raise ConflictError(f"Build {build_id} has no finished run{where} to begin again.")
    block_again(connection, row)
    facts = moves.attempt_again(connection, chosen, now)
    keep_facts(connection, [reopen(connection, row, chosen[0].job, len(chosen), now), *facts])
    return [run.id for run in chosen]


def rerun_run(connection: Connection, build_id: int, run_id: int, now: float) -> list[int]:
    """As `rerun`, of what one run of the build is an attempt of and nothing else."""
    row = next(iter(runs.load_runs(connection, [run_id])), None)
    if row is None or row.build_id != build_id:
        raise NotFoundError(f"Build {build_id} has no run {run_id}.")
    return rerun(connection, build_id, now, like=row)


def _plan_again(connection: Connection, row: Row[Any], now: float) -> None:
    """As a wish for the same commit; whoever asks, it stays as trusted as it was."""
    job = load_job_by_id(connection, row.job_id)
    if job is None:
        raise ConflictError(f"The job of build {row.id} is gone.")
    if row.event == BUILT_FOR_IT:
        raise ConflictError(f"Build {row.id} belongs to a search for a culprit, which asks for more by itself.")
    owner, _, name = row.repository.partition("/")
    repository = Repository(id=None, owner=owner, name=name)
    wish = Manual(
        repository=repository,
        job_path=job.path,
        sha=row.sha,
        ref=row.ref,
        trigger=row.trigger,
        trust=Trust(row.trust),
        event=row.event if row.event in {"push", "tag", *ASKED_FOR} else MANUAL,
        parameters=row.parameters or {},
    )
    block_again(connection, row)
    fact = reopen(connection, row, job.path, 0, now)
    note_problem(connection, row.id, FETCHING)
    keep_wish(connection, row.id, wish, now)
    keep_facts(connection, [fact])


def give_up_waiting(connection: Connection, build_id: int, now: float, why: str) -> None:
    """End a build whose wish can't be understood, as our error; one that has got its runs is left alone."""
    row = load_build_row(connection, build_id)
    if row is not None and row.state == State.QUEUED and row.runs_left == 0:
        finish_build(connection, build_id, Result.ERROR, now, why)
        keep_facts(connection, [_ended(connection, row, now, Result.ERROR)])


def reopen(connection: Connection, row: Row[Any], job: str, count: int, now: float) -> Fact:
    """A build has `count` runs more to wait for; the fact that it is queued (again). `job` is the job's path."""
    connection.execute(
        update(build)
        .where(build.c.id == row.id)
        .values(
            state=State.QUEUED.value if row.state == State.FINISHED else row.state,
            result=None,
            started_at=None if row.state == State.FINISHED else build.c.started_at,
            finished_at=None,
            runs_left=build.c.runs_left + count,
        )
    )
    data = _describe(row, job)
    return Fact(kind=FactKind.BUILD_QUEUED, at=now, job_id=row.job_id, build_id=row.id, data=data)


def _ended(connection: Connection, row: Row[Any], now: float, result: Result) -> Fact:
    job = load_job_by_id(connection, row.job_id)
    said = {"result": result.value, **tell_streak(connection, row, result, now)}
    data = {**_describe(row, job.path if job is not None else "?"), **said}
    return Fact(kind=FactKind.BUILD_FINISHED, at=now, job_id=row.job_id, build_id=row.id, data=data)


def _describe(row: Row[Any], job: str) -> dict[str, object]:
    return {
        "job": job,
        "number": row.number,
        "repository": row.repository,
        "sha": row.sha,
        "sha7": row.sha[:7],
        "ref": row.ref,
        "branch": row.branch,
        "event": row.event,
    }
