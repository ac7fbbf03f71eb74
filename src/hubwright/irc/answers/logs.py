"""`!log`: the three lines of a log that say most, and where the rest is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection

from hubwright.domain.ansi import strip_escapes
from hubwright.domain.error_lines import find_error
from hubwright.domain.irc_text import Text
from hubwright.domain.known_failures import say_known
from hubwright.errors import NotFoundError
from hubwright.irc.answers.texts import address, name_place, shorten
from hubwright.irc.commands import MAX_LINES, Request
from hubwright.irc.subjects import find_build, read_meant
from hubwright.store.database import Database
from hubwright.store.views_failures import load_failures_of_runs
from hubwright.store.views_values import BuildView, RunView, StageView

_SEARCHED = 1024 * 1024
_SHOWN = 200
_FINE = frozenset({None, "success", "skip"})


class Readable(Protocol):
    """Logs, wherever they lie; `hub.log_reading.AnyLogs`."""

    def size(self, run: int) -> int:
        """Bytes in the log of a run."""

    def read(self, run: int, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`."""


class LogLines:
    """Its method blocks: it asks the database and reads files."""

    def __init__(self, database: Database, logs: Readable, public_url: str) -> None:
        self._database = database
        self._logs = logs
        self._public = public_url

    def log(self, request: Request) -> Sequence[Text]:
        """`[BUILD | JOB [BRANCH]] [STAGE]`: of the first stage that failed, or of the one that is named.

        And what is known of the failure.
        """
        with self._database.reading() as connection:
            build, stage = _find(connection, request)
            run, part = _choose(build, stage)
            found = load_failures_of_runs(connection, [run.id]).get(run.id, ())
        known = say_known(found, {one.platform for one in build.runs}, build.queued_at)
        lines = self._read(run, part)
        where = f"{address(self._public, build.id)}/runs/{run.id}"
        what = f"{name_place(build)} #{build.number} {part.name if part else 'run'} on {shorten(run.platform, 40)}"
        what += f" ({shorten(known, 150)})" if known else ""
        if not lines:
            return [f"{what}: nothing is in its log — {where}"]
        lines[0] = f"{what}: {lines[0]}"
        lines[-1] = f"{lines[-1]} — {where}"
        return list(lines)

    def _read(self, run: RunView, part: StageView | None) -> list[str]:
        """The first line that says what went wrong and those after it, else the last ones."""
        start = 0 if part is None else part.log_start or 0
        end = self._logs.size(run.id) if part is None or part.log_end is None else part.log_end
        begin = max(start, end - _SEARCHED)
        text = strip_escapes(self._logs.read(run.id, begin, end - begin))
        place = find_error(text)
        lines = [line for one in text[place or 0 :].split(b"\n") if (line := _clean(one))]
        return lines[:MAX_LINES] if place is not None else lines[-MAX_LINES:]


def _find(connection: Connection, request: Request) -> tuple[BuildView, str | None]:
    """The build, and the stage that the last word may name."""
    words = list(request.words)
    if len(words) > 1:
        build = find_build(connection, read_meant(words[:-1]), request.channel)
        if any(stage.name == words[-1] for run in build.runs for stage in run.stages):
            return build, words[-1]
        if words[0].isdecimal():
            raise NotFoundError(f"Build {build.id} has no stage {words[-1][:60]}.")
    return find_build(connection, read_meant(words), request.channel), None


def _choose(build: BuildView, stage: str | None) -> tuple[RunView, StageView | None]:
    """Where it went wrong; what runs or ran last where nothing did. Raises NotFoundError."""
    places = [(run, part) for run in build.runs for part in run.stages if stage in {None, part.name}]
    bad = [one for one in places if one[1].result not in _FINE and not one[1].allow_failure]
    begun = [one for one in places if one[1].started_at is not None]
    if bad or begun:
        return (bad or begun[-1:])[0]
    if build.runs:
        return build.runs[0], None
    raise NotFoundError(f"Build {build.id} has no run: {shorten(build.problem or 'it has not begun', 150)}")


def _clean(line: bytes) -> str:
    return shorten(line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2].replace("\t", " "), _SHOWN)
