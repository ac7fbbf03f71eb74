"""The queue before the builders: what waits, why, and for how long; and every queue that there is.

A queue is a platform's name or glob with labels. Nobody sets one up: it is there as soon as a run or builder names it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, literal_column, or_, select

from hubwright.domain.estimates import Station, Waiter, Work, time_left
from hubwright.domain.pauses import Stops, explain_stops
from hubwright.domain.scheduling import Want, split_labels
from hubwright.domain.waiting import FETCHING, Line, Reason, Waiting, explain_doubted, explain_held, explain_unplanned
from hubwright.store.approvals import load_doubts_of
from hubwright.store.builds import load_retry
from hubwright.store.pauses import load_stops
from hubwright.store.schema import build, builder, job, run
from hubwright.store.views import QUEUED, RUNNING, bounded, load_rows
from hubwright.store.views_admission import load_limits
from hubwright.store.views_values import BuildView, QueuedView

MAX_LINE = 20_000
"""Waiting and running runs that are looked at, at most."""

MAX_KINDS = 200
"""Jobs on a platform whose usual time is looked up, at most; and queues that are told of."""

MAX_BUILDERS = 1_000

_RECENT_BUILDS, _RECENT_RUNS = 40, 20
_ORDER = (run.c.priority.desc(), run.c.turn, run.c.id)

# Looked up for each of the few: for a join PostgreSQL may read all builds.
_JOB_ID = select(build.c.job_id).where(build.c.id == run.c.build_id).scalar_subquery().label("job_id")
_LINE: Select[Any] = (
    select(run.c.id, run.c.platform, run.c.labels, _JOB_ID)
    .where(run.c.state == QUEUED)
    .order_by(*_ORDER)
    .limit(bindparam("most"))
)
_UP_TO: Select[Any] = _LINE.where(
    or_(
        run.c.priority > bindparam("priority"),
        and_(run.c.priority == bindparam("priority"), run.c.turn < bindparam("turn")),
        and_(run.c.priority == bindparam("priority"), run.c.turn == bindparam("turn"), run.c.id <= bindparam("last")),
    )
)
_RUNNING = (
    select(run.c.id, run.c.build_id, run.c.builder, run.c.platform, run.c.labels, run.c.leased_at)
    .add_columns(build.c.job_id, build.c.number, job.c.path)
    .join(build, build.c.id == run.c.build_id)
    .join(job, job.c.id == build.c.job_id)
    .where(run.c.state == RUNNING)
    .limit(MAX_LINE)
)
_DURATIONS = (
    select(run.c.started_at, run.c.finished_at)
    .where(
        run.c.build_id.in_(
            select(build.c.id)
            .where(build.c.job_id == bindparam("job"))
            .order_by(build.c.number.desc())
            .limit(_RECENT_BUILDS)
        ),
        run.c.platform == bindparam("platform"),
        run.c.result.in_(("success", "failure")),
        run.c.started_at.is_not(None),
    )
    .order_by(run.c.id.desc())
    .limit(_RECENT_RUNS)
)
_BUILDERS: Select[Any] = (
    select(builder.c.name, builder.c.platform, builder.c.labels, builder.c.slots)
    .add_columns(builder.c.state, builder.c.wish, builder.c.seen_at)
    .order_by(builder.c.seen_at.desc())
    .limit(MAX_BUILDERS)
)
_OF_BUILD = select(run.c.id, run.c.priority, run.c.turn).where(
    run.c.build_id == bindparam("build"), run.c.state == QUEUED
)
_COUNTED = (
    select(run.c.platform, run.c.labels, func.count().label("amount"), func.min(run.c.queued_at).label("oldest"))
    .where(run.c.state == QUEUED)
    .group_by(run.c.platform, run.c.labels)
)
_BUSY = (
    select(run.c.platform, run.c.labels, func.count().label("amount"))
    .where(run.c.state == RUNNING)
    .group_by(run.c.platform, run.c.labels)
)
_HELD: ColumnElement[str] = literal_column("'held'")
_COUNT_HELD = (
    select(run.c.platform, run.c.labels, func.count().label("amount"))
    .where(run.c.state == _HELD)
    .group_by(run.c.platform, run.c.labels)
)
_QUEUED_VIEW: Select[Any] = (
    select(run.c.id, run.c.build_id, job.c.path.label("job"), build.c.number, build.c.sha, build.c.branch)
    .add_columns(run.c.platform, run.c.labels, run.c.matrix, run.c.attempt, run.c.priority, run.c.queued_at)
    .join(build, build.c.id == run.c.build_id)
    .join(job, job.c.id == build.c.job_id)
)


class Kind(NamedTuple):
    """What runs with one usual time have in common."""

    job_id: int
    platform: str


Usual = dict[Kind, float]
"""The usual time of each kind in seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueView:
    """The queue of one want, `builders` may take its runs; `connected`, `slots` and `free` count those that do now.

    `held` runs wait for approval or within limits and are not among the `waiting`.

    `oldest` is when the first of it came, `estimate` in how many seconds a run that comes now should start.
    """

    want: Want
    waiting: int = 0
    running: int = 0
    held: int = 0
    oldest: float | None = None
    estimate: float | None = None
    builders: tuple[str, ...] = ()
    connected: int = 0
    slots: int = 0
    free: int = 0


def load_waiting_runs(
    connection: Connection, limit: int, now: float, limits: Mapping[str, int] | None = None
) -> list[tuple[QueuedView, Waiting]]:
    """The first of the waiting runs in their order, each with why it waits; those that are held come last.

    `limits` of platforms are the hub's, here and below.
    """
    query = _QUEUED_VIEW.where(run.c.state == QUEUED).order_by(*_ORDER).limit(bounded(limit))
    views = [QueuedView(**{**row, "labels": split_labels(row["labels"])}) for row in load_rows(connection, query)]
    held = _load_held(connection, bounded(limit) - len(views), now)
    if not views:
        return held
    line = _load_line(connection, connection.execute(_LINE, {"most": len(views)}).all(), now)
    stops = load_stops(connection, limits)
    return [*((view, _explain(line, view.id, stops, now)) for view in views), *held]


def _load_held(connection: Connection, limit: int, now: float) -> list[tuple[QueuedView, Waiting]]:
    """Runs that wait for approval, or within limits, behind all others."""
    rows = load_rows(connection, _QUEUED_VIEW.where(run.c.state == _HELD).order_by(run.c.id).limit(limit))
    views = [QueuedView(**{**row, "labels": split_labels(row["labels"])}) for row in rows]
    reasons = _load_held_reasons(connection, {one.build_id: one.sha for one in views}, now)
    wants = [Want(platform=one.platform, labels=one.labels) for one in views]
    return [
        (one, _alone(one.id, want, reasons.of(one.id, one.build_id))) for one, want in zip(views, wants, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Held:
    """Why runs are held, by build or, where they are held for reasons of their own, by run."""

    builds: dict[int, Reason]
    runs: dict[int, Reason]

    def of(self, run_id: int, build_id: int) -> Reason:
        return self.runs.get(run_id) or self.builds[build_id]


def _load_held_reasons(connection: Connection, builds: Mapping[int, str], now: float) -> _Held:
    """Why the runs of these builds (with their commits) are held: for limits and pauses, for an approval, or for what
    GitHub says of it."""
    limits = load_limits(connection, builds, now)
    doubts = {row.build_id: row for row in load_doubts_of(connection, list(builds))} if builds else {}
    approvals = {
        build_id: explain_doubted(doubts[build_id].approver, doubts[build_id].doubt, doubts[build_id].ask_at, now)
        if build_id in doubts
        else explain_held(sha)
        for build_id, sha in builds.items()
    }
    return _Held(approvals | limits.builds, limits.runs)


def _explain(line: Line, run_id: int, stops: Stops, now: float) -> Waiting:
    """Why it waits; what stops the whole hub or its platforms comes before whatever else it waits for."""
    waiting = line.explain(run_id)
    reasons = explain_stops(line.eligible(waiting.want), stops, now)
    if not reasons:
        return waiting
    others = tuple(one for one in waiting.reasons if one.kind != "starting")
    full = all(one.kind == "platform_full" for one in reasons)
    return replace(waiting, reasons=(*reasons, *others), estimate=waiting.estimate if full else None)


def load_waits(
    connection: Connection, one: BuildView, now: float, limits: Mapping[str, int] | None = None
) -> dict[int, Waiting]:
    """Why each waiting run of the build waits, by run; a build that has no runs yet has its reason under nought."""
    if not one.runs and one.state == "queued":
        failed = one.problem is not None and one.problem != FETCHING
        again = load_retry(connection, one.id)
        return {0: _alone(0, Want(platform=""), explain_unplanned(one.problem, failed=failed, again=again, now=now))}
    wants = {each.id: Want(platform=each.platform, labels=each.labels) for each in one.runs}
    held_runs = [each.id for each in one.runs if each.state == "held"]
    reasons = _load_held_reasons(connection, {one.id: one.sha} if held_runs else {}, now)
    held = {number: _alone(number, wants[number], reasons.of(number, one.id)) for number in held_runs}
    waiting = connection.execute(_OF_BUILD, {"build": one.id}).all()
    if not waiting:
        return held
    last = max(waiting, key=lambda row: (-row.priority, row.turn, row.id))
    end = {"priority": last.priority, "turn": last.turn, "last": last.id}
    line = _load_line(connection, connection.execute(_UP_TO, {**end, "most": MAX_LINE}).all(), now)
    stops = load_stops(connection, limits)
    return held | {
        row.id: _explain(line, row.id, stops, now) if row.id in line else _alone(row.id, wants[row.id], _FAR_BEHIND)
        for row in waiting
        if row.id in wants
    }


def load_queues(connection: Connection, now: float) -> tuple[QueueView, ...]:
    """Every queue: those that runs wait or run in, and one for the platform of each builder; the fullest first."""
    waiting = {_want(row): row for row in connection.execute(_COUNTED.limit(MAX_KINDS))}
    busy = {_want(row): row.amount for row in connection.execute(_BUSY.limit(MAX_KINDS))}
    held = count_held(connection)
    rows = connection.execute(_LINE, {"most": MAX_LINE}).all() if waiting else []
    stations, usual = _load_stations(connection, now, {Kind(row.job_id, row.platform) for row in rows})
    places = {Want(platform=station.platform): None for station in stations}
    wants = list(dict.fromkeys([*waiting, *busy, *held, *places]))[:MAX_KINDS]
    line = _line_of(rows, stations, usual, now)
    views = [
        QueueView(
            want=want,
            waiting=waiting[want].amount if want in waiting else 0,
            running=busy.get(want, 0),
            held=held.get(want, 0),
            oldest=waiting[want].oldest if want in waiting else None,
            estimate=line.estimate(want),
            builders=tuple(one.name for one in line.eligible(want)),
            connected=sum(one.open for one in line.eligible(want)),
            slots=sum(one.slots for one in line.eligible(want) if one.open),
            free=sum(one.free for one in line.eligible(want)),
        )
        for want in wants
    ]
    return tuple(
        sorted(views, key=lambda view: (-view.waiting, -view.running, -view.held, view.want.platform, view.want.labels))
    )


def count_held(connection: Connection) -> dict[Want, int]:
    """How many runs of each queue wait for approval, or within limits."""
    return {_want(row): row.amount for row in connection.execute(_COUNT_HELD.limit(MAX_KINDS))}


def count_queues(connection: Connection) -> dict[Want, tuple[int, int, float | None]]:
    """How many runs wait and run in each queue, and when the first of the waiting came; for metrics."""
    counts: dict[Want, tuple[int, int, float | None]] = {}
    for row in connection.execute(_COUNTED.limit(MAX_KINDS)):
        counts[_want(row)] = row.amount, 0, row.oldest
    for row in connection.execute(_BUSY.limit(MAX_KINDS)):
        waiting, _, oldest = counts.get(_want(row), (0, 0, None))
        counts[_want(row)] = waiting, row.amount, oldest
    return counts


def _load_line(connection: Connection, rows: Sequence[Row[Any]], now: float) -> Line:
    stations, usual = _load_stations(connection, now, [Kind(row.job_id, row.platform) for row in rows])
    return _line_of(rows, stations, usual, now)


def _line_of(rows: Iterable[Row[Any]], stations: Iterable[Station], usual: Usual, now: float) -> Line:
    waiters = [Waiter(run=row.id, want=_want(row), usual=usual.get(Kind(row.job_id, row.platform))) for row in rows]
    return Line(waiters, stations, now)


def _load_stations(connection: Connection, now: float, kinds: Iterable[Kind]) -> tuple[list[Station], Usual]:
    """The builders with what they work on, and the usual times of that and of `kinds`."""
    running = sorted(connection.execute(_RUNNING), key=lambda row: row.id)  # else SQLite would walk all runs by id
    usual = _load_usual(connection, [*(Kind(row.job_id, row.platform) for row in running), *kinds])
    works: dict[str, list[Work]] = defaultdict(list)
    for row in running:
        left = time_left(usual.get(Kind(row.job_id, row.platform)), now - (row.leased_at or now))
        works[row.builder].append(Work(run=row.id, build=row.build_id, job=row.path, number=row.number, left=left))
    return [_station(row, works.get(row.name, ())) for row in connection.execute(_BUILDERS)], usual


def _station(row: Row[Any], works: Sequence[Work]) -> Station:
    """What people wish of a connected builder counts for more than that it is connected."""
    return Station(
        name=row.name,
        platform=row.platform,
        labels=tuple(row.labels),
        slots=row.slots,
        state=row.wish if row.wish and row.state == "connected" else row.state,
        seen_at=row.seen_at,
        works=tuple(works),
    )


def _load_usual(connection: Connection, kinds: Sequence[Kind]) -> Usual:
    """The median time of each kind's last runs in seconds; of the first kinds only, when there are many."""
    usual: Usual = {}
    for kind in list(dict.fromkeys(kinds))[:MAX_KINDS]:
        rows = connection.execute(_DURATIONS, {"job": kind.job_id, "platform": kind.platform})
        durations = [row.finished_at - row.started_at for row in rows if row.finished_at is not None]
        if durations:
            usual[kind] = median(durations)
    return usual


def _want(row: Row[Any]) -> Want:
    return Want(platform=row.platform, labels=split_labels(row.labels))


def _alone(run_id: int, want: Want, reason: Reason) -> Waiting:
    return Waiting(run=run_id, want=want, reasons=(reason,), ahead=reason.more.get("ahead", 0))


_FAR_BEHIND = Reason(kind="behind", sentence=f"At least {MAX_LINE:,} runs are due before it.", more={"ahead": MAX_LINE})
