"""The log of a run as pages show it: cut into stages and lines, painted, and opened where it tells what went wrong."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hubwright.domain.ansi import Painter, strip_escapes
from hubwright.domain.error_lines import find_error
from hubwright.domain.log_groups import TimedGroup
from hubwright.domain.results import Result, State
from hubwright.domain.wording import Look, look_of
from hubwright.hub.line_index import LineIndex
from hubwright.hub.log_search import LogSearch
from hubwright.hub.logs import Logs
from hubwright.store.views_values import RunView, StageView
from hubwright.web.log_finds import LogFinds
from hubwright.web.pages.log_rows import PaintedLines, write_line

CHUNK = 1_000
"""Lines that are shown or fetched at once."""

_LOOKED_BACK = 8 * 1024  # bytes before a line in which the colours are looked for that it has from there

_SEARCHED = 4 * 1024 * 1024
"""Bytes of the beginning and of the end of a stage's log in which an error is looked for."""

_REMEMBERED = 2_048


@dataclass(frozen=True, kw_only=True, slots=True)
class StageLog:
    """A stage's part of the log, lines `first` to `last` (none when less); `stage` is None for what precedes them."""

    position: int
    name: str
    look: Look
    first: int
    last: int
    stage: StageView | None = None
    error: int | None = None  # the line that tells what went wrong

    @property
    def failed(self) -> bool:
        """Whether the stage is one to look at first."""
        return self.look.kind in {"failure", "error", "timeout"}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLog:
    """The log of one run; `whole` lines are ended by a newline. `html` holds lines of the stage `opened`."""

    run: RunView
    lines: int
    whole: int
    stages: tuple[StageLog, ...]
    opened: StageLog | None
    shown_from: int
    shown_to: int
    error: int | None
    html: str


class LogLines:
    """Reads logs for pages. Every method reads files: call it in a thread."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._index = LineIndex(logs)
        self._finds = LogFinds(logs)
        self.search = LogSearch(logs)
        self._errors: OrderedDict[tuple[int, int, int], int | None] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, run: int) -> int:
        """How many lines there are by now."""
        return self._index.count(run)

    def whole_lines(self, run: int) -> int:
        """How many of them are ended by a newline."""
        return self._index.whole_lines(run)

    def line_at(self, run: int, offset: int) -> int:
        """The line that holds the byte at `offset`."""
        return self._index.line_at(run, offset)

    def paint(self, run: int, first: int, count: int, links: str = "") -> str:
        """At most `CHUNK` lines from `first` on as HTML; with `links`, line numbers lead there and have no ids.

        Where a moment is known, a line has it in `data-t`, in Unix milliseconds, unless it is that of the line before.
        """
        first, count = max(first, 1), min(count, CHUNK)
        before = 1 if first > 1 else 0
        placed = self._index.read_placed(run, first - before, count + before)
        if len(placed) <= before:
            return ""
        begin = placed[before][0]
        painted = PaintedLines(self._logs.load_times(run, placed[0][0], placed[-1][0] + 1), links)
        painted.resume(self._logs.read(run, max(begin - _LOOKED_BACK, 0), min(begin, _LOOKED_BACK)))
        return "".join(painted.paint(first, placed, before))

    def paint_hits(self, run: int, lines: Sequence[int], around: int, links: str) -> str:
        """These lines, rising, as HTML, each with `around` others before and behind it, and a mark where some lack."""
        html: list[str] = []
        shown = 0
        hits = set(lines)
        painter = Painter()
        for hit in lines:
            first = max(hit - around, shown + 1)
            if shown and first > shown + 1 and around:
                html.append('<div class="lack">⋯</div>')
            placed = self._index.read_lines(run, first, hit + around - first + 1)
            for number, line in enumerate(placed, first):
                html.append(write_line(painter, number, line, links, " hit" if number in hits else ""))
            shown = first + len(placed) - 1
        return "".join(html)

    def write_groups(self, run: RunView) -> dict[str, Any]:
        """The groups of lines, as the API tells them."""
        return self._finds.write_groups(run)

    def time_groups(self, run: RunView) -> list[TimedGroup]:
        """The outer groups of a short log of which it is known when they were."""
        return self._finds.time_groups(run)

    def write_errors(self, run: int) -> dict[str, Any]:
        """The numbers of the lines that tell an error, as the API tells them."""
        return self._finds.write_errors(run)

    def open(self, run: RunView, wanted: int | None) -> RunLog:
        """The log opened at line `wanted`, else at the first error, else at the end."""
        stages, lines = self.stages(run), self.count(run.id)
        error = next((stage.error for stage in stages if stage.error is not None), None)
        target = min(max(wanted or error or lines, 1), max(lines, 1))
        opened = next((stage for stage in reversed(stages) if stage.first <= target), None)
        first = last = 0
        html = ""
        if opened is not None and lines:
            first = target - (target - opened.first) % CHUNK
            last = min(first + CHUNK - 1, opened.last)
            html = self.paint(run.id, first, last - first + 1)
        return RunLog(
            run=run,
            lines=lines,
            whole=self.whole_lines(run.id),
            stages=stages,
            opened=opened,
            shown_from=first,
            shown_to=last,
            error=error,
            html=html,
        )

    def stages(self, run: RunView) -> tuple[StageLog, ...]:
        """The stages that have begun, each with its lines; what was put out before the first one comes first."""
        begun = [stage for stage in run.stages if stage.log_start is not None]
        size = self._logs.size(run.id)
        found: list[StageLog] = []
        if size and (not begun or (begun[0].log_start or 0) > 0):
            look = look_of(State.FINISHED, Result.SUCCESS) if begun else look_of(run.state, run.result)
            found.append(StageLog(position=-1, name="prepare", look=look, first=1, last=0))
        for stage in begun:
            first = self._index.line_at(run.id, min(stage.log_start or 0, size))
            look = look_of(stage.state, stage.result)
            found.append(
                StageLog(position=stage.position, name=stage.name, look=look, first=first, last=0, stage=stage)
            )
        ends = [*(stage.first - 1 for stage in found[1:]), self.count(run.id)]
        closed = [replace(stage, last=end) for stage, end in zip(found, ends, strict=False)]
        return tuple(self._with_error(run, stage) for stage in closed)

    def _with_error(self, run: RunView, part: StageLog) -> StageLog:
        if not part.failed or part.last < part.first:
            return part
        key = (run.id, part.position, part.last)
        with self._lock:
            known = key in self._errors
        error = self._errors.get(key) if known else self._find_error(run.id, part)
        with self._lock:
            self._errors[key] = error
            if len(self._errors) > _REMEMBERED:
                self._errors.popitem(last=False)
        return replace(part, error=error)

    def _find_error(self, run: int, part: StageLog) -> int:
        start = self._index.offset_of(run, part.first)
        end = self._index.offset_of(run, part.last + 1)
        places = [start] if end - start <= 2 * _SEARCHED else [start, end - _SEARCHED]
        for at in places:
            text = strip_escapes(
                self._logs.read(run, at, min(2 * _SEARCHED if len(places) == 1 else _SEARCHED, end - at))
            )
            found = find_error(text)
            if found is not None:
                return self._index.line_at(run, at) + text.count(b"\n", 0, found)
        return self._last_words(run, part)

    def _last_words(self, run: int, part: StageLog) -> int:
        """The last line with anything on it."""
        first = max(part.first, part.last - 50)
        lines: Sequence[bytes] = self._index.read_lines(run, first, part.last - first + 1)
        spoken = [number for number, line in enumerate(lines, first) if strip_escapes(line).strip()]
        return spoken[-1] if spoken else part.last
