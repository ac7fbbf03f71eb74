"""What is found in logs by looking through them: groups of lines, and lines that tell errors."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from hubwright.domain.ansi import strip_escapes
from hubwright.domain.error_lines import find_errors
from hubwright.domain.log_groups import Group, Place, TimedGroup, Title, find_titles, form_groups, read_title
from hubwright.hub.line_index import LineIndex
from hubwright.hub.log_scans import Found, LogScans
from hubwright.hub.log_times import Times
from hubwright.hub.logs import Logs
from hubwright.store.views_values import RunView

SHORT = 4 * 1024 * 1024
"""Bytes of a log up to which a page waits for its groups to be found."""

TIMED = 60
"""Groups of a run that are told with their times."""

_TITLE = 1_000  # bytes

MOST = 10_000
"""Lines with marks of groups, and lines with errors, that are found in one log."""


class LogFinds:
    """Looks through logs, and goes on where it was when they have grown. Reads files: call it in a thread."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._index = LineIndex(logs)
        self._titles: LogScans[Title] = LogScans(logs, find_titles, MOST)
        self._errors: LogScans[None] = LogScans(logs, _find_errors, MOST)

    def write_errors(self, run: int) -> dict[str, Any]:
        """The numbers of the lines that tell an error, as the API tells them."""
        found, complete = self._errors.look(run)
        return {"lines": [each.line for each in found], "complete": complete}

    def write_groups(self, run: RunView) -> dict[str, Any]:
        """The groups of the run's log, as the API tells them."""
        places, complete = self._titles.look(run.id)
        if not places:
            return {"groups": [], "complete": complete}
        size = self._logs.size(run.id)
        groups = self._form(run, places)
        errors = [each.line for each in self._errors.look(run.id)[0]]
        times = self._logs.load_times(run.id, places[0].offset, size)
        return {"groups": [_write_group(group, errors, times, size) for group in groups], "complete": complete}

    def time_groups(self, run: RunView) -> list[TimedGroup]:
        """The first of the outer groups of which it is known when they were; none of a log that is not short."""
        size = self._logs.size(run.id)
        places = self._titles.look(run.id)[0] if 0 < size <= SHORT else []
        if not places:
            return []
        groups = [group for group in self._form(run, places) if group.ended]
        times = self._logs.load_times(run.id, places[0].offset, size)
        found: list[TimedGroup] = []
        last = 0
        for group in groups:
            when = _find_times(group, times, size)
            if group.first > last and when is not None and len(found) < TIMED:
                found.append(TimedGroup(group.first, self._read_title(run.id, group), *when))
            last = max(last, group.last)
        return found

    def _form(self, run: RunView, places: Sequence[Found[Title]]) -> list[Group]:
        size = self._logs.size(run.id)
        starts = [
            self._index.line_at(run.id, min(stage.log_start, size))
            for stage in run.stages
            if stage.log_start is not None
        ]
        return form_groups([Place(*each) for each in places], starts, self._index.count(run.id))

    def _read_title(self, run: int, group: Group) -> str:
        line = self._logs.read(run, group.offset, _TITLE).partition(b"\n")[0]
        title = read_title(line)
        text = strip_escapes(line[title.start :] if title is not None else line)
        return text.decode("utf-8", "replace").strip()[:80] or "group"


def _write_group(group: Group, errors: list[int], times: Times, size: int) -> dict[str, Any]:
    place = bisect_left(errors, group.first)
    failed = place < len(errors) and errors[place] <= group.last
    return {
        "first": group.first,
        "last": group.last,
        "ended": group.ended,
        "failed": failed,
        "folded": group.ended and not failed and not group.wish,
        "seconds": _count_seconds(group, times, size),
    }


def _count_seconds(group: Group, times: Times, size: int) -> float | None:
    when = _find_times(group, times, size)
    return None if when is None else when[1] - when[0]


def _find_times(group: Group, times: Times, size: int) -> tuple[float, float] | None:
    """As its marks tell; else as its bytes came."""
    if group.began_at is not None and group.ended_at is not None:
        return float(group.began_at), float(max(group.ended_at, group.began_at))
    begun, ended = times.at(group.offset), times.at(size if group.end is None else group.end)
    return None if begun is None or ended is None or not group.ended else (begun / 1000, max(ended, begun) / 1000)


def _find_errors(text: bytes, start: int) -> list[tuple[int, None]]:
    return [(place, None) for place in find_errors(text, start)]
