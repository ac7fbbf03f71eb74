"""Logs of runs as lines of traces: each in the span of its stage, with the moment in which it came.

https://opentelemetry.io/docs/specs/semconv/cicd/cicd-logs/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from hubwright.domain.ansi import strip_escapes
from hubwright.domain.traces import Line, TraceIds
from hubwright.store.views_values import BuildView, RunView

MOST = 8000
"""Characters of a line."""

AT_ONCE = 2000
"""Lines that are held in memory together."""


class Times(Protocol):
    """When the bytes of a log came."""

    def at(self, offset: int) -> int | None:
        """When the byte came, in Unix milliseconds; None where nobody knows."""


ReadLog = Callable[[int, int, int], bytes]
"""Bytes of a run's log: its number, where they begin, how many at most."""

ReadTimes = Callable[[int, int, int], Times]
"""When the bytes of a run's log came: its number, from where, up to where."""


class LineWriter:
    """Writes the last `size` bytes of the logs of those runs that `wants` says."""

    def __init__(
        self, ids: TraceIds, read: ReadLog, times: ReadTimes, wants: Callable[[RunView], bool], size: int
    ) -> None:
        self._ids = ids
        self._read = read
        self._times = times
        self._wants = wants
        self._size = size

    def write_lines(self, build: BuildView, run: RunView) -> Iterator[list[Line]]:
        """Whole lines without escapes, some at a time; none where none are wanted."""
        if not self._wants(run):
            return
        start = max(0, run.log_size - self._size)
        data = self._read(run.id, start, self._size)
        if start:  # begin with a whole line
            cut = data.find(b"\n") + 1
            data, start = data[cut:], start + cut
        times = self._times(run.id, start, start + len(data))
        few: list[Line] = []
        for raw in data.splitlines(keepends=True):
            few.append(self._write(build, run, times, start, raw))
            start += len(raw)
            if len(few) == AT_ONCE:
                yield few
                few = []
        if few:
            yield few

    def _write(self, build: BuildView, run: RunView, times: Times, offset: int, raw: bytes) -> Line:
        came = times.at(offset)
        at = run.finished_at or build.queued_at if came is None else came / 1000
        return Line(
            at=at,
            text=strip_escapes(raw).decode("utf-8", "replace").rstrip()[:MOST],
            trace=self._ids.of_build(build.id),
            span=self._find_span(run, offset),
            attributes={"log.record.uid": f"{run.id}-{offset}", "hubwright.log.offset": offset},
        )

    def _find_span(self, run: RunView, offset: int) -> str:
        """The stage's that the byte belongs to, the run's for what is between stages."""
        for stage in run.stages:
            if stage.log_start is not None and stage.log_start <= offset < (stage.log_end or run.log_size):
                return self._ids.of_stage(run.id, stage.position)
        return self._ids.of_run(run.id)
