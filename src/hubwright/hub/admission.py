"""Builds within limits are let into the queue: groups in their order, jobs, platforms; the needless are cancelled.

One drain does it, in one process at a time, whatever made room: an end, a newer build, an approval, a resumed job. So
nothing is dropped: what was missed is found at the next look. Builds that nothing limits never come here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row

from hubwright.domain.concurrency import Admission, admit, admit_runs
from hubwright.domain.facts import Fact, FactKind
from hubwright.domain.job_settings import DefinedJob
from hubwright.errors import ConflictError
from hubwright.hub.builds import cancel
from hubwright.store import admission
from hubwright.store.admission import Standing
from hubwright.store.database import Database
from hubwright.store.facts import keep_facts
from hubwright.store.pauses import load_stops

ADMISSION = "admission"
"""The name of the queue."""


class Admitting:
    """The drain of builds that wait to be admitted."""

    def __init__(self, database: Database, clock: Callable[[], float], wake: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._wake = wake

    def drain(self) -> float | None:
        """Admit what there is room for. Settings are read outside the transaction: there may be thousands."""
        with self._database.reading() as connection:
            if not admission.is_wanted(connection):
                return None
            known = admission.load_standing(connection, all_paused=False).jobs
        if self._database.write(partial(settle, known=known, now=self._clock())):
            self._wake("runs")
            self._wake("facts")
        return None


def settle(connection: Connection, now: float, known: Mapping[int, DefinedJob] | None = None) -> bool:
    """Decide about all that waits and do it; whether anything changed. With `known`, of these jobs only."""
    admission.lock_admission(connection)
    paused = admission.hold_paused(connection)
    standing = admission.load_standing(connection, known, all_paused=False)
    decided = admit(*standing.contenders(), load_stops(connection).hub, now)
    rows = {row.id: row for row in [*standing.waiting, *standing.running]}
    cancelled = _supersede(connection, decided, rows, now)
    started = _start(connection, decided.starts, standing)
    late = [rows[number] for number in started if rows[number].blocked == admission.WAITS]
    facts = [_fact(FactKind.BUILD_ADMITTED, row, now) for row in late]
    told = {number: why for number, why in decided.waits.items() if rows[number].blocked == admission.NEW}
    admission.mark(connection, told, admission.WAITS)
    facts += [_fact(FactKind.BUILD_BLOCKED, rows[number], now, why=why.sentence[:-1]) for number, why in told.items()]
    let_in = _let_in(connection, standing, started)
    keep_facts(connection, facts)
    return bool(paused or cancelled or facts or let_in)


def _supersede(connection: Connection, decided: Admission, rows: Mapping[int, Row[Any]], now: float) -> int:
    """Cancel what newer builds make needless; how many. Those that run count until their builders have ended them."""
    if not decided.superseded:
        return 0
    known = admission.load_cancelled(connection, decided.superseded)
    fresh = [number for number in decided.superseded if number not in known]
    for number in fresh:
        newer = rows[decided.superseded[number]]
        with suppress(ConflictError):  # it has just ended
            cancel(connection, number, now, f"Superseded by {newer.job} #{newer.number}.")
    return len(fresh)


def _start(connection: Connection, starts: Collection[int], standing: Standing) -> list[int]:
    """Admit these builds; those of them that nobody has changed meanwhile."""
    locked = admission.lock_builds(connection, starts) if starts else set()
    started = [number for number in starts if number in locked]
    admission.mark(connection, started, None)
    for row in standing.waiting:
        group = standing.jobs[row.job_id].settings.concurrency.group or ""
        if row.id in locked and row.group not in {None, group}:
            admission.keep_group(connection, row.id, group)
    return started


def _let_in(connection: Connection, standing: Standing, started: Collection[int]) -> int:
    """Let the runs of admitted builds into the queue for which there is room on their platforms; how many."""
    partly = {row.id for row in standing.partly}
    admitted = admission.lock_builds(connection, partly) | set(started) if partly else set(started)
    if not admitted:
        return 0
    held = admission.load_held_runs(connection, admitted)
    limits = standing.platform_limits()
    going = admission.load_going_runs(connection, [row.id for row in standing.running]) if limits else []
    starts, waits = admit_runs(held, going, limits)
    admission.let_in(connection, starts)
    waiting = {run.build for run in held if run.id in waits}
    for number in sorted(waiting - partly):
        admission.mark_partly(connection, number)
    admission.mark(connection, (partly & admitted) - waiting, None)
    return len(starts)


def _fact(kind: FactKind, row: Row[Any], now: float, **more: object) -> Fact:
    data = {
        "job": row.job,
        "number": row.number,
        "repository": row.repository,
        "sha": row.sha,
        "sha7": row.sha[:7],
        "ref": row.ref,
        **more,
    }
    return Fact(kind=kind, at=now, job_id=row.job_id, build_id=row.id, data=data)
