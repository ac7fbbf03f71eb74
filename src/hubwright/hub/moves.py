"""The legal moves of runs and builds, each with its facts, all inside a transaction that the caller owns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.planning import PlannedRun, PlannedStage
from hubwright.domain.recipe_json import stage_from_json
from hubwright.domain.repos import Trust
from hubwright.domain.results import Result, verdict
from hubwright.domain.scheduling import split_labels
from hubwright.errors import WireError
from hubwright.hub import comparing, inquest
from hubwright.hub.known_failures import NOTHING, Ending, Tail, note_failure
from hubwright.hub.streaks import tell_streak
from hubwright.store import builds, results, runs, stages
from hubwright.store.approvals import doubt, hold_waiting
from hubwright.store.bisections import concerns_searches
from hubwright.store.facts import keep_facts
from hubwright.wire import Event, Hello, Images, Job, Problems, Scrub, Tests
from hubwright.wire import Result as ResultMessage

ATTEMPTS = 2
"""How often a run is begun when its builder is lost: once, and once again."""

LEASES = 10
"""How often a run is given away without ever being begun; then something is wrong with it, and the attempt ends."""

Telling = Job | ResultMessage | Event | Tests | Problems | Images | Scrub


@dataclass(frozen=True, slots=True)
class Told:
    """A builder's message about a run, and when it came (Unix seconds); `tail` with the end of a run that failed."""

    builder: str
    message: Telling
    at: float
    tail: Tail = NOTHING


@dataclass(frozen=True, slots=True)
class Applied:
    """What a message did. `held` false: the lease is gone; `gap`: messages before it are missing, resend them.

    `searched`: with the run a build has ended that searches for culprits look at; `admits`: the run was within limits,
    and has made room.
    """

    held: bool
    gap: bool = False
    ended: bool = False
    searched: bool = False
    admits: bool = False


@dataclass(slots=True)
class _Standing:
    """A run while the messages of one transaction are applied to it."""

    row: Row[Any]
    seq: int
    log: int
    running: bool


def apply_messages(connection: Connection, items: list[Told]) -> list[Applied]:
    """Apply builders' messages, once each however often they come; a message under a stale lease changes nothing."""
    rows = runs.load_runs(connection, list({item.message.run for item in items}))
    standings = {row.id: _Standing(row, row.seq, row.log_size, row.state == runs.RUNNING) for row in rows}
    answers = [_apply(connection, standings.get(item.message.run), item) for item in items]
    moved = [one for one in standings.values() if one.seq != one.row.seq]
    runs.keep_progress(connection, [(one.row.id, one.seq, one.log) for one in moved])
    return answers


def _apply(connection: Connection, standing: _Standing | None, told: Told) -> Applied:
    message = told.message
    if (
        standing is None
        or not standing.running
        or standing.row.lease != message.lease
        or standing.row.builder != told.builder
    ):
        return Applied(held=False)
    if message.seq <= standing.seq:
        return Applied(held=True)
    if message.seq > standing.seq + 1:
        return Applied(held=True, gap=True)
    standing.seq = message.seq
    return _move(connection, standing, told)


def _move(connection: Connection, standing: _Standing, told: Told) -> Applied:
    """Each tells its facts at once: what ends next on the branch goes on from them."""
    match told.message:
        case Job() as message:
            stage = stages.start_stage(connection, message)
            keep_facts(connection, [_fact(FactKind.STAGE_STARTED, standing.row, message.at, stage=stage)])
        case ResultMessage(stage=int()) as message:
            stage = stages.finish_stage(connection, message)
            said = {"stage": stage, "result": read_result(message.result).value}
            keep_facts(connection, [_fact(FactKind.STAGE_FINISHED, standing.row, message.at, **said)])
            standing.log = max(standing.log, message.log)
        case ResultMessage() as message:
            standing.log = max(standing.log, message.log)
            standing.running = False
            if message.recording is not None:
                inquest.keep_told(connection, standing.row, message.recording, told.at)
            ends = _end(connection, standing.row, message, told)
            keep_facts(connection, ends)
            searched, admits = any(map(concerns_searches, ends)), standing.row.group is not None
            return Applied(held=True, ended=True, searched=searched, admits=admits)
        case Tests() as message:
            results.keep_tests(connection, message)
        case Problems() as message:
            results.keep_problems(connection, message)
        case Images() as message:
            results.keep_images(connection, message)
        case Event() | Scrub():
            pass  # it has moved the sequence on; what it says is in the log
    return Applied(held=True)


def _end(connection: Connection, row: Row[Any], message: ResultMessage, told: Told) -> list[Fact]:
    if message.lost:
        return lose_run(connection, row, told.at, message.detail)
    result = read_result(message.result)
    facts = end_run(connection, row, result, told.at, message.detail)
    note_failure(connection, row, Ending(result, message.detail, told.at, told.tail))
    return facts


def read_result(word: str) -> Result:
    """A result as a builder names it. Raises WireError."""
    try:
        return Result(word)
    except ValueError as error:
        raise WireError(f"unknown result {word!r}") from error


def end_run(connection: Connection, row: Row[Any], result: Result, now: float, detail: str) -> list[Fact]:
    """End a run; with the last of them its build ends too."""
    counts = runs.finish_run(connection, row.id, result, now, detail)
    told = comparing.tell_tests(connection, row, counts, now) if counts.tests_total else {}
    facts = [_fact(FactKind.RUN_FINISHED, row, now, result=result.value, detail=detail, **told)]
    if runs.count_off(connection, row.build_id) <= 0:
        facts.append(_end_build(connection, row, now))
    return facts


def _end_build(connection: Connection, row: Row[Any], now: float) -> Fact:
    ends = runs.load_results(connection, row.build_id)
    result = verdict(Result(end.result) for end in ends)
    ended = builds.finish_build(connection, row.build_id, result, now)
    return Fact(
        kind=FactKind.BUILD_FINISHED,
        at=now,
        job_id=row.job_id,
        build_id=row.build_id,
        data={
            **_build_data(row),
            "result": result.value,
            "branch": ended.branch,
            "event": ended.event,
            **comparing.sum_tests(ends),
            **tell_streak(connection, ended, result, now),
        },
    )


def lose_run(connection: Connection, row: Row[Any], now: float, detail: str) -> list[Fact]:
    """A run's builder is gone: the attempt ends as an error, and a first one is begun again as a new attempt."""
    if row.attempt >= ATTEMPTS or row.cancel is not None:
        result = Result.ERROR if row.cancel is None else Result.CANCELLATION
        facts = end_run(connection, row, result, now, detail)
        note_failure(connection, row, Ending(result, detail, now))
        return facts
    runs.finish_run(connection, row.id, Result.ERROR, now, detail)
    note_failure(connection, row, Ending(Result.ERROR, detail, now))
    return [
        _fact(FactKind.RUN_FINISHED, row, now, result=Result.ERROR.value, detail=detail),
        *attempt_again(connection, [row], now),
    ]


def put_back(connection: Connection, row: Row[Any], now: float, hello: Hello | None = None) -> list[Fact]:
    """A builder does not have a run that it was given. Never begun, it waits again; else the attempt is lost.

    `hello` is what it has just said of itself.
    """
    if row.cancel is None and row.seq == 0 and row.lease < LEASES:
        runs.requeue_run(connection, row.id, row.lease)
        _hold(connection, [row])
        return []
    if row.cancel is not None:
        return lose_run(connection, row, now, row.cancel)
    why = inquest.conclude(connection, row, now, hello)
    return lose_run(connection, row, now, f"Builder {row.builder} no longer has the run. {why}")


def attempt_again(connection: Connection, rows: Sequence[Row[Any]], now: float) -> list[Fact]:
    """A new attempt of each run; the old ones stay to be looked at."""
    new = []
    for row in rows:
        runs.replace_run(connection, row.id)
        planned = tuple(PlannedStage(stage=stage_from_json(stage)) for stage in row.assignment["stages"])
        new.append(
            builds.NewRun(
                build_id=row.build_id,
                planned=PlannedRun(
                    platform=row.platform, labels=split_labels(row.labels), matrix=row.matrix, stages=planned
                ),
                assignment=row.assignment,
                priority=row.priority,
                attempt=row.attempt + 1,
            )
        )
    ids = builds.keep_runs(connection, new, now)
    _hold(connection, rows)
    return [
        Fact(
            kind=FactKind.RUN_QUEUED,
            at=now,
            job_id=row.job_id,
            build_id=row.build_id,
            run_id=run_id,
            data={**_build_data(row), "platform": row.platform, "attempt": row.attempt + 1},
        )
        for run_id, row in zip(ids, rows, strict=True)
    ]


def _hold(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    """Runs of forks' builds go into the queue only when they are approved; others cost no look."""
    foreign = {row.build_id for row in rows if row.assignment.get("trust") == Trust.UNTRUSTED}
    if foreign:
        hold_waiting(connection, list(foreign))


def lease(connection: Connection, pairs: Sequence[tuple[int, str]], now: float) -> list[Row[Any]]:
    """Lease runs to builders and say so; the leased rows. What a fork brought is held when its approval is in doubt."""
    rows = runs.lease_runs(connection, pairs, now)
    unsure = [row.id for row in rows if row.state != runs.RUNNING]
    if unsure:
        doubt(connection, unsure, now)
        rows = [row for row in rows if row.state == runs.RUNNING]
    facts = [
        Fact(
            kind=FactKind.BUILD_STARTED,
            at=now,
            job_id=started.job_id,
            build_id=started.id,
            data=next(_build_data(row) for row in rows if row.build_id == started.id),
        )
        for started in runs.start_builds(connection, [row.build_id for row in rows], now)
    ]
    facts += [_fact(FactKind.RUN_STARTED, row, now, builder=row.builder) for row in rows]
    keep_facts(connection, facts)
    return rows


def _fact(kind: FactKind, row: Row[Any], at: float, **more: object) -> Fact:
    data = {**_build_data(row), "platform": row.platform, "attempt": row.attempt, **more}
    return Fact(kind=kind, at=at, job_id=row.job_id, build_id=row.build_id, run_id=row.id, data=data)


def _build_data(row: Row[Any]) -> dict[str, object]:
    return {
        "job": row.job,
        "number": row.number,
        "repository": row.repository,
        "sha": row.sha,
        "sha7": row.sha[:7],
        "ref": row.ref,
    }
