"""The black box of a run as a part of its page: the verdict, the last minute as charts, processes, last words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hubwright.domain.wording import word_size
from hubwright.hub.flights import Flight
from hubwright.store.recordings import Kept
from hubwright.wire import Point, Process

WIDTH, HEIGHT = 240, 48
"""Pixels of a chart."""

LAST_WORDS = 30
"""Lines of the run's output that are shown."""

_SPAN = 60.0  # seconds
_HOLE = 3.0  # seconds without a sample that a line does not bridge
_ROWS = 24  # processes that are shown
_FULL = 0.95


class Chart(NamedTuple):
    """A minute of one measure: `lines` are points of SVG polylines, `full` says that it came near its bound."""

    title: str
    value: str
    lines: tuple[str, ...]
    full: bool


class Row(NamedTuple):
    """A process, as deep below the first ones as its parents are many."""

    depth: int
    process: Process


@dataclass(frozen=True, kw_only=True, slots=True)
class BlackBox:
    """What is shown. Without a `sentence` the run goes on; `words` is its last output as HTML."""

    sentence: str | None
    cause: str | None
    builder: str | None
    seen_at: float | None
    charts: tuple[Chart, ...]
    rows: tuple[Row, ...]
    left_out: int
    words: str = ""


def open_box(kept: Kept | None, flight: Flight | None, read_words: Callable[[], str]) -> BlackBox | None:
    """The black box of a run that was judged, or that goes on and is measured; None when there is nothing."""
    if kept is not None and kept.cause is not None:
        return _make_box(kept.data.points, kept.data.processes, kept, read_words())
    if flight is not None and flight.points:
        return _make_box(tuple(flight.points), flight.processes, None, "")
    return None


def _make_box(points: Sequence[Point], processes: Sequence[Process], kept: Kept | None, words: str) -> BlackBox:
    rows = arrange(processes)
    return BlackBox(
        sentence=kept.sentence if kept else None,
        cause=kept.cause if kept else None,
        builder=kept.builder if kept else None,
        seen_at=kept.seen_at if kept else None,
        charts=draw_charts(points) if points else (),
        rows=tuple(rows[:_ROWS]),
        left_out=max(len(rows) - _ROWS, 0),
        words=words,
    )


def draw_charts(points: Sequence[Point]) -> tuple[Chart, ...]:
    """Memory of the run and of the machine, disk and processor."""
    last = points[-1]
    machine, limit = last.machine, last.usage.limit
    most = max(point.usage.memory for point in points)
    of_limit = f" of {word_size(limit)}" if limit else f", at most {word_size(most)}"
    return (
        _draw("The run's memory", word_size(last.usage.memory) + of_limit, points,
              lambda point: point.usage.memory, limit or most * 1.25, bounded=limit is not None),
        _draw("The machine's memory", f"{word_size(machine.memory)} of {word_size(machine.memory_total)}", points,
              lambda point: point.machine.memory, machine.memory_total),
        _draw("Disk", f"{word_size(machine.disk_free)} of {word_size(machine.disk_total)} free", points,
              lambda point: point.machine.disk_total - point.machine.disk_free, machine.disk_total),
        _draw("Processor", f"{machine.cpu:.0f} %, load {machine.load:.1f}", points,
              lambda point: point.machine.cpu, 100, bounded=False),
    )  # fmt: skip


def _draw(
    title: str,
    value: str,
    points: Sequence[Point],
    measure: Callable[[Point], float],
    top: float,
    *,
    bounded: bool = True,
) -> Chart:
    end = points[-1].machine.at
    lines: list[list[str]] = []
    before = float("-inf")
    for point in points:
        at = point.machine.at
        if end - at > _SPAN:
            continue
        if at - before > _HOLE:
            lines.append([])
        before = at
        share = min(max(measure(point) / top, 0.0), 1.0) if top > 0 else 0.0
        x, y = WIDTH * (1 - (end - at) / _SPAN), HEIGHT - 2 - (HEIGHT - 4) * share
        lines[-1].append(f"{x:.1f},{y:.1f}")
    full = bounded and any(measure(point) >= _FULL * top > 0 for point in points)
    return Chart(title, value, tuple(" ".join(line) for line in lines), full)


def arrange(processes: Sequence[Process]) -> list[Row]:
    """The processes as a tree, each behind its parent. Whose parent is not among them stands at the root."""
    known = {process.pid for process in processes}
    below: dict[int | None, list[Process]] = {}
    for process in processes:
        below.setdefault(process.parent if process.parent in known else None, []).append(process)
    rows: list[Row] = []
    waiting = [Row(0, process) for process in reversed(below.get(None, []))]
    while waiting and len(rows) < len(processes):
        row = waiting.pop()
        rows.append(row)
        waiting += [Row(row.depth + 1, child) for child in reversed(below.get(row.process.pid, []))]
    return rows
