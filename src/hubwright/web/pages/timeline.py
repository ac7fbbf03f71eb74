"""When a build's parts ran, as numbers for a chart and a table: waiting, setup, stages, on one axis for all runs.

Waiting of hours before seconds of work, or one run of hours beside others of minutes, would leave nothing to be seen of
the rest: both ends of the axis are compressed then, and the chart says where (buildbot#3114).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from statistics import median
from types import MappingProxyType
from typing import NamedTuple

from hubwright.domain.log_groups import TimedGroup
from hubwright.domain.wording import Look, look_of, word_duration
from hubwright.store.views_values import BuildView, RunView, StageView

ROW = 26
"""Pixels from one row to the next."""

MAX_COLUMNS = 40
"""Stages that the table of several runs has columns for."""

_SHORTEST = 0.05  # seconds of setup or of finishing that are told
_THIN = 0.35  # per cent of the axis that the shortest part has
_SIGNED = 3.0  # per cent from which on a part shows the sign of its state
_IDLE, _TAIL = 14.0, 12.0  # per cent that compressed ends have
_LONG = 3.0  # times the median run after which the axis is compressed
_TICKS = 6
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


class Part(NamedTuple):
    """A stretch of time of a run; `stage` is None for what is around the stages. Times in Unix seconds."""

    run: RunView
    name: str
    look: Look | None  # of a stage; waiting and setup have none
    begin: float
    end: float
    stage: StageView | None = None

    @property
    def kind(self) -> str:
        """Its class in the chart: the kind of a look, `wait` or `setup`."""
        if self.look is not None:
            return self.look.kind
        return "wait" if self.name == _WAITING else "setup"

    @property
    def seconds(self) -> float:
        """How long it took, or goes on already."""
        return max(self.end - self.begin, 0.0)


class Span(NamedTuple):
    """A part as it is drawn; `left` and `width` in per cent of the axis. `sign`: it is wide enough for its sign."""

    part: Part
    left: float
    width: float
    sign: str


class GroupSpan(NamedTuple):
    """A group of lines of the log as it is drawn, in per cent of the axis."""

    group: TimedGroup
    left: float
    width: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(self.group.end - self.group.begin, 0.0)


class Row(NamedTuple):
    """A line of the chart: a run, or a part where there is but one run. `critical`: no other run ended later."""

    run: RunView
    part: Part | None
    spans: tuple[Span, ...]
    seconds: float
    critical: bool
    groups: tuple[GroupSpan, ...] = ()


class Tick(NamedTuple):
    """A mark on the axis, in per cent, and the time since work began."""

    left: float
    word: str


class Timeline(NamedTuple):
    """The chart. `squeezed` are the places, in per cent, at which a compressed end of the axis begins or ends.

    `critical` is the run that the build's end waited for, of several.
    """

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    squeezed: tuple[float, ...]
    parts: tuple[Part, ...]
    start: float
    critical: RunView | None

    @property
    def height(self) -> int:
        """Pixels of all rows."""
        return ROW * len(self.rows)

    @property
    def columns(self) -> list[str]:
        """The names of all parts as the columns of a table, in the order in which runs have them."""
        names = dict.fromkeys(part.name for part in self.parts)
        around = {_WAITING, _SETUP, _REST}
        inner = [name for name in names if name not in around][:MAX_COLUMNS]
        return [name for name in (_WAITING, _SETUP) if name in names] + inner + [_REST] * (_REST in names)

    def cells(self, row: Row) -> list[Part | None]:
        """The row's parts below `columns`; of several that share a name the first."""
        own = {span.part.name: span.part for span in reversed(row.spans)}
        return [own.get(name) for name in self.columns]


_NONE: Mapping[int, Sequence[TimedGroup]] = MappingProxyType({})
_WAITING, _SETUP, _REST = "waiting", "setup", "finishing"


def draw_timeline(build: BuildView, now: float, groups: Mapping[int, Sequence[TimedGroup]] = _NONE) -> Timeline | None:
    """The chart of a build's newest runs, with groups of lines of some; None before one of them has begun."""
    runs = [run for run in build.runs if run.started_at is not None]
    if not runs:
        return None
    parts = {run.id: list_parts(run, now) for run in build.runs}
    scale = make_scale([parts[run.id] for run in runs], min(run.queued_at for run in build.runs))
    last = max(runs, key=_end) if len(build.runs) > 1 and build.state == "finished" else None
    if len(build.runs) == 1:
        rows = tuple(_draw_part(part, scale, groups.get(part.run.id, ())) for part in parts[runs[0].id])
    else:
        rows = tuple(_draw_run(run, parts[run.id], scale, last) for run in build.runs)
        rows = tuple(row._replace(groups=_draw_groups(groups.get(row.run.id, ()), scale)) for row in rows)
    return Timeline(
        rows=rows,
        ticks=scale.ticks(),
        squeezed=tuple(place for place in (scale.first, scale.last) if 0 < place < 100),
        parts=tuple(part for run in build.runs for part in parts[run.id]),
        start=scale.work,
        critical=last,
    )


def list_parts(run: RunView, now: float) -> list[Part]:
    """The run's time without gaps: waiting, setup before the first stage, stages, and what came after the last."""
    end = _known(run.finished_at, now)
    if run.started_at is None:
        return [Part(run, _WAITING, None, run.queued_at, end)]
    parts = [Part(run, _WAITING, None, run.queued_at, run.started_at)]
    begun = [(stage, stage.started_at) for stage in run.stages if stage.started_at is not None]
    first = min((begin for _, begin in begun), default=end)
    if first - run.started_at >= _SHORTEST:
        parts.append(Part(run, _SETUP, None, run.started_at, first))
    for stage, begin in begun:
        look = look_of(stage.state, stage.result)
        parts.append(Part(run, stage.name, look, begin, _known(stage.finished_at, end), stage))
    done = max(part.end for part in parts)
    if run.finished_at is not None and begun and run.finished_at - done >= _SHORTEST:
        parts.append(Part(run, _REST, None, done, run.finished_at))
    return parts


class Scale:
    """Moments to places on the axis, in per cent: straight between its knots, and never backwards."""

    def __init__(self, start: float, work: float, long: float, end: float) -> None:
        """Work begins at `work`; what is after `long` is compressed to the axis' tail, as is long waiting before."""
        self.start, self.work = start, work
        busy = max(long - work, 0.001)
        waited = max(work - start, 0.0)
        self.first = min(_IDLE, 100 * waited / (waited + busy)) if waited else 0.0
        squeezed = 100 * waited / (waited + busy) > _IDLE
        self.last = 100 - _TAIL if end > long else 100.0
        self._moments = [start, work, work + busy, max(end, work + busy)]
        self._places = [0.0, self.first, self.last, 100.0]
        self._busy = busy
        if not squeezed:
            self.first = 0.0  # nothing to tell of: the same measure on both sides

    def place(self, moment: float) -> float:
        """Where the moment lies, 0 to 100."""
        at = min(max(bisect_right(self._moments, moment) - 1, 0), 2)
        begin, end = self._moments[at], self._moments[at + 1]
        share = 0.0 if end <= begin else min(max((moment - begin) / (end - begin), 0.0), 1.0)
        return self._places[at] + share * (self._places[at + 1] - self._places[at])

    def ticks(self) -> tuple[Tick, ...]:
        """Round times since work began, at most `_TICKS` and the end of a compressed tail."""
        days = 86_400 * max(int(self._busy // (86_400 * _TICKS)) + 1, 1)
        step = next((step for step in _STEPS if self._busy / step <= _TICKS), days)
        marks = [Tick(self.place(self.work + at * step), _word(at * step)) for at in range(int(self._busy / step) + 1)]
        if self.last < 100:
            marks = [mark for mark in marks if mark.left <= self.last]
        return tuple(Tick(round(mark.left, 2), mark.word) for mark in marks if mark.left <= 95)


def make_scale(runs: Sequence[Sequence[Part]], start: float) -> Scale:
    """The axis for runs that have begun, from `start`: compressed where one took much longer than is usual here."""
    work = min(parts[0].end for parts in runs)
    ends = [max(part.end for part in parts) for parts in runs]
    end = max(ends)
    usual = work + _LONG * max(median(one - work for one in ends), 0.001)
    return Scale(start, work, usual if len(runs) > 1 and end > usual else end, end)


def _draw_run(run: RunView, parts: Sequence[Part], scale: Scale, last: RunView | None) -> Row:
    end = max(part.end for part in parts)
    return Row(run, None, tuple(_draw(part, scale) for part in parts), end - run.queued_at, run is last)


def _draw_part(part: Part, scale: Scale, groups: Sequence[TimedGroup]) -> Row:
    own = [one for one in groups if part.stage is not None and part.begin <= (one.begin + one.end) / 2 < part.end]
    return Row(part.run, part, (_draw(part, scale),), part.seconds, False, _draw_groups(own, scale))


def _draw_groups(groups: Sequence[TimedGroup], scale: Scale) -> tuple[GroupSpan, ...]:
    return tuple(GroupSpan(one, *_stretch(one.begin, one.end, scale)) for one in groups)


def _draw(part: Part, scale: Scale) -> Span:
    left, width = _stretch(part.begin, part.end, scale)
    bad = part.look is not None and part.look.kind not in {"success", "running"}
    sign = part.look.sign if part.look is not None and bad and width >= _SIGNED else ""
    return Span(part, left, width, sign)


def _stretch(begin: float, end: float, scale: Scale) -> tuple[float, float]:
    left = min(scale.place(begin), 100 - _THIN)
    return round(left, 2), round(min(max(scale.place(end) - left, _THIN), 100 - left), 2)


def _end(run: RunView) -> float:
    return _known(run.finished_at, run.queued_at)


def _known(moment: float | None, otherwise: float) -> float:
    return otherwise if moment is None else moment


def _word(seconds: int) -> str:
    return (
        "0"
        if seconds == 0
        else word_duration(seconds).removesuffix(" 00 s").removesuffix(" 00 min").replace(".0 ", " ")
    )
