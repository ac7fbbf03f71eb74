"""The queue before the builders: what waits, why, and for how long; and every queue that there is.

A queue is a platform's name or glob with labels. Nobody sets one up: it is there as soon as a run or builder names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, literal_column, or_, select

from hubwright.domain.pauses import Stops, explain_stops
from hubwright.domain.scheduling import Want, split_labels
from hubwright.domain.waiting import FETCHING, Line, Reason, Waiting, explain_doubted, explain_held, explain_unplanned
from hubwright.errors import ParameterError
from hubwright.store.approvals import load_doubts_of
from hubwright.store.builds import load_retry
from hubwright.store.line import MAX_KINDS, MAX_LINE, ORDER, load_line, load_line_up_to, want_of
from hubwright.store.pauses import load_stops
from hubwright.store.reach import below
from hubwright.store.schema import build, job, run
from hubwright.store.views import QUEUED, RUNNING, bounded, load_rows
from hubwright.store.views_admission import load_limits
from hubwright.store.views_values import BuildView, Page, QueuedView

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


Explained = tuple[QueuedView, Waiting]


@dataclass(frozen=True, slots=True)
class QueuePart:
    """Which runs of the queue: `limit` of them behind the cursor; `folders`: of jobs below these only."""

    limit: int
    cursor: str | None = None
    folders: Sequence[str] | None = None


class _Place(NamedTuple):
    """Where a run stands: as the queue is ordered, or among those that are held, which is by number."""

    priority: int
    turn: float
    run: int
    held: bool = False


class _Found(NamedTuple):
    view: QueuedView
    place: _Place


def load_queue(
    connection: Connection, part: QueuePart, now: float, limits: Mapping[str, int] | None = None
) -> tuple[Page[Explained], tuple[QueueView, ...]]:
    """A part of the waiting runs, each with why it waits, and every queue; the line is read once.

    Raises ParameterError for what is no cursor.
    """
    line = load_line(connection, now)
    return _load_waiting(connection, part, now, limits, line), _form_queues(connection, line)


def load_waiting_runs(
    connection: Connection, limit: int, now: float, limits: Mapping[str, int] | None = None
) -> tuple[Explained, ...]:
    """The first of the waiting runs in their order, each with why it waits; those that are held come last.

    `limits` of platforms are the hub's, here and below.
    """
    line = load_line(connection, now, bounded(limit))
    return _load_waiting(connection, QueuePart(limit), now, limits, line).items


def load_queues(connection: Connection, now: float) -> tuple[QueueView, ...]:
    """Every queue: those that runs wait or run in, and one for the platform of each builder; the fullest first."""
    return _form_queues(connection, load_line(connection, now))


def _load_waiting(
    connection: Connection, part: QueuePart, now: float, limits: Mapping[str, int] | None, line: Line
) -> Page[Explained]:
    limit, place = bounded(part.limit), None if part.cursor is None else _read_place(part.cursor)
    query = _QUEUED_VIEW if part.folders is None else _QUEUED_VIEW.where(below(job.c.path, part.folders))
    found: list[_Found] = []
    if place is None or not place.held:
        queued = query.where(run.c.state == QUEUED, *(() if place is None else [_behind(place)]))
        found = _find(connection, queued.order_by(*ORDER).limit(limit + 1))
    held = query.where(run.c.state == _HELD, run.c.id > (place.run if place is not None and place.held else 0))
    found += _find(connection, held.order_by(run.c.id).limit(limit + 1 - len(found)), held=True)
    first = [one.view for one in found[:limit] if not one.place.held]
    stops = load_stops(connection, limits) if first else Stops()
    items = [(view, _explain(line, view.id, stops, now) if view.id in line else _explain_far(view)) for view in first]
    items += _explain_held(connection, [one.view for one in found[:limit] if one.place.held], now)
    return Page(tuple(items), _write_place(found[limit - 1].place) if len(found) > limit else None)


def _find(connection: Connection, query: Select[Any], *, held: bool = False) -> list[_Found]:
    rows = load_rows(connection, query.add_columns(run.c.turn))
    places = [_Place(row["priority"], row.pop("turn"), row["id"], held) for row in rows]
    views = [QueuedView(**{**row, "labels": split_labels(row["labels"])}) for row in rows]
    return [_Found(view, place) for view, place in zip(views, places, strict=True)]


def _behind(place: _Place) -> ColumnElement[bool]:
    same = run.c.priority == place.priority
    return or_(
        run.c.priority < place.priority,
        and_(same, run.c.turn > place.turn),
        and_(same, run.c.turn == place.turn, run.c.id > place.run),
    )


def _write_place(place: _Place) -> str:
    return f"held:{place.run}" if place.held else f"{place.priority}:{place.turn!r}:{place.run}"


def _read_place(cursor: str) -> _Place:
    if found := re.fullmatch(r"held:([0-9]{1,18})", cursor):
        return _Place(0, 0.0, int(found[1]), held=True)
    if found := re.fullmatch(r"(-?[0-9]{1,9}):(-?[0-9.e+-]{1,30}):([0-9]{1,18})", cursor):
        with suppress(ValueError):
            return _Place(int(found[1]), float(found[2]), int(found[3]))
    raise ParameterError("The cursor is not the `next` of a page of the queue.", "cursor")


def _explain_far(view: QueuedView) -> Waiting:
    return _alone(view.id, Want(platform=view.platform, labels=view.labels), _FAR_OR_NEW)


def _explain_held(connection: Connection, views: Sequence[QueuedView], now: float) -> list[Explained]:
    """Runs that wait for approval, or within limits."""
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
    places = [(row.priority, row.turn, row.id) for row in waiting]
    line = load_line_up_to(connection, now, max(places, key=lambda place: (-place[0], *place[1:])))
    stops = load_stops(connection, limits)
    return held | {
        row.id: _explain(line, row.id, stops, now) if row.id in line else _alone(row.id, wants[row.id], _FAR_BEHIND)
        for row in waiting
        if row.id in wants
    }


def _form_queues(connection: Connection, line: Line) -> tuple[QueueView, ...]:
    waiting = {want_of(row): row for row in connection.execute(_COUNTED.limit(MAX_KINDS))}
    busy = {want_of(row): row.amount for row in connection.execute(_BUSY.limit(MAX_KINDS))}
    held = count_held(connection)
    places = {Want(platform=station.platform): None for station in line.stations}
    wants = list(dict.fromkeys([*waiting, *busy, *held, *places]))[:MAX_KINDS]
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
    return {want_of(row): row.amount for row in connection.execute(_COUNT_HELD.limit(MAX_KINDS))}


def count_queues(connection: Connection, most: int | None = MAX_KINDS) -> dict[Want, tuple[int, int, float | None]]:
    """How many runs wait and run in each queue, and when the first of the waiting came; `most` None: of all queues."""
    counts: dict[Want, tuple[int, int, float | None]] = {}
    for row in connection.execute(_COUNTED.limit(most)):
        counts[want_of(row)] = row.amount, 0, row.oldest
    for row in connection.execute(_BUSY.limit(most)):
        waiting, _, oldest = counts.get(want_of(row), (0, 0, None))
        counts[want_of(row)] = waiting, row.amount, oldest
    return counts


def _alone(run_id: int, want: Want, reason: Reason) -> Waiting:
    return Waiting(run=run_id, want=want, reasons=(reason,), ahead=reason.more.get("ahead", 0))


_FAR_OR_NEW = Reason(kind="behind", sentence=f"It has just come, or at least {MAX_LINE:,} runs are due before it.")
_FAR_BEHIND = Reason(kind="behind", sentence=f"At least {MAX_LINE:,} runs are due before it.", more={"ahead": MAX_LINE})
