"""The line before the builders, read for `domain.waiting`: who waits, what builders do, and how long such runs take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, bindparam, literal_column, or_, select, union_all

from hubwright.domain.estimates import Station, Waiter, Work, time_left
from hubwright.domain.scheduling import Want, split_labels
from hubwright.domain.waiting import Line
from hubwright.store.engines import MEMORY
from hubwright.store.schema import build, builder, job, run
from hubwright.store.views import QUEUED, RUNNING

MAX_LINE = 20_000
"""Waiting and running runs that are looked at, at most."""

MAX_KINDS = 200
"""Jobs on a platform whose usual time is looked up, at most; and queues that are told of."""

MAX_BUILDERS = 1_000

ORDER = (run.c.priority.desc(), run.c.turn, run.c.id)
"""Who comes first."""

FRESH, NONE_YET = 30.0, 3.0
"""Seconds that usual times are remembered, and that there is none: the queue's page mostly asks for them."""

_REMEMBERED = 5_000  # usual times, at most; then all are forgotten
_RECENT_BUILDS, _RECENT_RUNS = 20, 10
_AT_ONCE = 20
"""Kinds that a statement asks for: its way to the database and back costs more than the answer."""

# Looked up for each of the few: for a join PostgreSQL may read all builds.
_JOB_ID = select(build.c.job_id).where(build.c.id == run.c.build_id).scalar_subquery().label("job_id")
_LINE: Select[Any] = (
    select(run.c.id, run.c.platform, run.c.labels, _JOB_ID)
    .where(run.c.state == QUEUED)
    .order_by(*ORDER)
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
_BUILDERS: Select[Any] = (
    select(builder.c.name, builder.c.platform, builder.c.labels, builder.c.slots)
    .add_columns(builder.c.state, builder.c.wish, builder.c.seen_at)
    .order_by(builder.c.seen_at.desc())
    .limit(MAX_BUILDERS)
)


class Kind(NamedTuple):
    """What runs with one usual time have in common."""

    job_id: int
    platform: str


Usual = dict[Kind, float]
"""The usual time of each kind in seconds."""


def load_line(connection: Connection, now: float, most: int = MAX_LINE) -> Line:
    """The first of those who wait, before the builders as they stand. `now` in Unix seconds."""
    return _form_line(connection, connection.execute(_LINE, {"most": most}).all(), now)


def load_line_up_to(connection: Connection, now: float, place: tuple[int, float, int]) -> Line:
    """The line until a run's priority, turn and number; with that run it ends unless it is longer than `MAX_LINE`."""
    end = dict(zip(("priority", "turn", "last"), place, strict=True))
    return _form_line(connection, connection.execute(_UP_TO, {**end, "most": MAX_LINE}).all(), now)


def want_of(row: Row[Any]) -> Want:
    """What a run or a queue wants, of its columns `platform` and `labels`."""
    return Want(platform=row.platform, labels=split_labels(row.labels))


def _form_line(connection: Connection, rows: Sequence[Row[Any]], now: float) -> Line:
    running = sorted(connection.execute(_RUNNING), key=lambda row: row.id)  # else SQLite would walk all runs by id
    usual = _find_usual(connection, [Kind(row.job_id, row.platform) for row in (*running, *rows)], now)
    works: dict[str, list[Work]] = defaultdict(list)
    for row in running:
        left = time_left(usual.get(Kind(row.job_id, row.platform)), now - (row.leased_at or now))
        works[row.builder].append(Work(run=row.id, build=row.build_id, job=row.path, number=row.number, left=left))
    stations = [_station(row, works.get(row.name, ())) for row in connection.execute(_BUILDERS)]
    waiters = [Waiter(run=row.id, want=want_of(row), usual=usual.get(Kind(row.job_id, row.platform))) for row in rows]
    return Line(waiters, stations, now)


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


def _find_usual(connection: Connection, kinds: Iterable[Kind], now: float) -> Usual:
    """The usual times of the first kinds, if there are many; what the database's readers remember is not asked for."""
    wanted = list(dict.fromkeys(kinds))[:MAX_KINDS]
    memory: dict[Kind, tuple[float | None, float]] = connection.get_execution_options().get(MEMORY, {})
    if len(memory) > _REMEMBERED:
        memory.clear()
    known = {kind: memory.get(kind) for kind in wanted}  # others forget and remember meanwhile
    old = [kind for kind in wanted if not _is_fresh(known[kind], now)]
    loaded = _load_usual(connection, old)
    fresh = {kind: (loaded.get(kind), now) for kind in old}
    memory.update(fresh)
    found = known | fresh
    return {kind: told[0] for kind in wanted if (told := found[kind]) is not None and told[0] is not None}


def _is_fresh(known: tuple[float | None, float] | None, now: float) -> bool:
    return known is not None and 0 <= now - known[1] < (NONE_YET if known[0] is None else FRESH)


def _load_usual(connection: Connection, wanted: list[Kind]) -> Usual:
    """The median time of each kind's last runs in seconds."""
    taken: dict[Kind, list[float]] = defaultdict(list)
    for at in range(0, len(wanted), _AT_ONCE):
        portion = wanted[at : at + _AT_ONCE]
        portion += portion[-1:] * (_AT_ONCE - len(portion))  # asked for again, and its rows not looked at
        values = {
            f"{name}{place}": value for place, kind in enumerate(portion) for name, value in kind._asdict().items()
        }
        for row in connection.execute(_DURATIONS, values):
            if at + row.place < len(wanted) and row.finished_at is not None:
                taken[portion[row.place]].append(row.finished_at - row.started_at)
    return {kind: median(durations) for kind, durations in taken.items()}


def _durations_at(place: int) -> Select[Any]:
    """Numbers and words that never change are part of the text: of twenty such, values would double what is sent."""
    newest = select(build.c.id).where(build.c.job_id == bindparam(f"job_id{place}"))
    lately = (
        select(literal_column(str(place)).label("place"), run.c.started_at, run.c.finished_at)
        .where(
            run.c.build_id.in_(newest.order_by(build.c.number.desc()).limit(literal_column(str(_RECENT_BUILDS)))),
            run.c.platform == bindparam(f"platform{place}"),
            run.c.result.in_((literal_column("'success'"), literal_column("'failure'"))),
            run.c.started_at.is_not(None),
        )
        .order_by(run.c.id.desc())
        .limit(literal_column(str(_RECENT_RUNS)))
    )
    return select(lately.subquery())


_DURATIONS = union_all(*(_durations_at(place) for place in range(_AT_ONCE)))
