"""A whole failure in one small document: what failed where, and all that a person or an agent needs to act on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from hubwright.domain.ansi import strip_escapes
from hubwright.domain.error_lines import find_error
from hubwright.domain.known_failures import KnownFailure, word_known
from hubwright.domain.places import source_address
from hubwright.hub.line_index import LineIndex
from hubwright.hub.logs import Logs
from hubwright.reports.descriptions import describe_build, describe_run
from hubwright.store.documents import Document, write_totals
from hubwright.store.views_results import ProblemView
from hubwright.store.views_values import BuildView, CaseView, RunView, StageView
from hubwright.web.api.known_documents import write_known

MAX_BYTES = 64_000
"""Bytes of the whole document, at most."""

TAIL_LINES = 150
MAX_STAGES = 20
MAX_TESTS = 50
MAX_PROBLEMS = 100
MAX_KNOWN = 40
_TAIL_BYTES = 64 * 1024
_SEARCHED = 4 * 1024 * 1024
_BEFORE, _SHOWN = 4, 14
_TEXT = 1_000
_FINE = frozenset({None, "success", "skip"})


@dataclass(frozen=True)
class Evidence:
    """What was found in the runs of a build, by run; `source` is where the pages of its repository are, `hosted` where
    those of all are.
    """

    tests: Mapping[int, Sequence[CaseView]] = field(default_factory=dict)
    problems: Mapping[int, Sequence[ProblemView]] = field(default_factory=dict)
    source: str | None = None
    known: Mapping[int, Sequence[KnownFailure]] = field(default_factory=dict)
    hosted: str = ""


class Failures:
    """Writes the documents; addresses in them begin with `public_url`. Reads logs: call it in a thread."""

    def __init__(self, logs: Logs, public_url: str) -> None:
        self._logs = logs
        self._index = LineIndex(logs)
        self._public = public_url.rstrip("/")

    def summarize(self, build: BuildView, found: Evidence) -> Document:
        """Failed runs and stages with their last lines and those around the error, problems, failed tests.

        At most `MAX_BYTES`. Lines are without escapes, as a terminal would have left them.
        """
        parts = [self._stage(run, stage, found) for run, stage in _failed(build)][:MAX_STAGES]
        problems = [
            self._problem(build, one, found.source) for run in build.runs for one in found.problems.get(run.id, ())
        ]
        cases = [
            self._case(build, run, case, found.source) for run in build.runs for case in found.tests.get(run.id, ())
        ]
        document: Document = {
            "build": build.id,
            "number": build.number,
            "job": build.job,
            "repo": build.repository,
            "sha": build.sha,
            "ref": build.ref,
            "state": build.state,
            "result": build.result,
            "verdict": describe_build(build)[:_TEXT],
            "problem": None if build.problem is None else build.problem[: 8 * _TEXT],
            "url": f"{self._public}/builds/{build.id}",
            "source_url": None if found.source is None else f"{found.source}/commit/{build.sha}",
            "runs": [self._run(run) for run in build.runs if run.result not in _FINE][:MAX_STAGES],
            "stages": parts,
            "problems": problems[:MAX_PROBLEMS],
            "tests": cases[:MAX_TESTS],
            "known": self._list_known(build, found)[:MAX_KNOWN],
            "truncated": len(problems) > MAX_PROBLEMS or len(cases) > MAX_TESTS,
        }
        while len(orjson.dumps(document)) > MAX_BYTES:
            document["truncated"] = True
            _shorten(document)
        return document

    def _run(self, run: RunView) -> Document:
        return {
            "id": run.id,
            "platform": run.platform,
            "matrix": run.matrix,
            "attempt": run.attempt,
            "result": run.result,
            "verdict": describe_run(run)[:_TEXT],
            "detail": (run.detail or "")[:_TEXT] or None,
            "builder": run.builder,
            "tests": write_totals(run.tests),
            "difference": write_difference(run),
            "url": f"{self._public}/builds/{run.build_id}/runs/{run.id}",
            "log_url": f"{self._public}/api/v1/runs/{run.id}/log",
        }

    def _list_known(self, build: BuildView, found: Evidence) -> list[Document]:
        platforms = {run.platform for run in build.runs}
        return [
            {
                "run": run.id,
                "platform": run.platform,
                "words": word_known(one, platforms, build.queued_at),
                **write_known(one, self._public, found.hosted),
            }
            for run in build.runs
            for one in found.known.get(run.id, ())
        ]

    def _stage(self, run: RunView, stage: StageView | None, found: Evidence) -> Document:
        size = self._logs.size(run.id)
        start, end = (0, size) if stage is None else (stage.log_start or 0, stage.log_end or size)
        told = run if stage is None else stage
        errors = [
            one for one in found.problems.get(run.id, ()) if one.severity == "error" and one.log_offset is not None
        ]
        at = next((one.log_offset for one in errors if stage is not None and one.position == stage.position), None)
        line, excerpt = self._read_excerpt(run.id, start, end, at)
        return {
            "run": run.id,
            "platform": run.platform,
            "matrix": run.matrix,
            "stage": None if stage is None else stage.name,
            "result": told.result,
            "exit_code": None if stage is None else stage.exit_code,
            "allow_failure": stage is not None and stage.allow_failure,
            "detail": (told.detail or "")[:_TEXT] or None,
            "line": line,
            "excerpt": excerpt,
            "url": f"{self._public}/builds/{run.build_id}/runs/{run.id}" + (f"#L{line}" if line else ""),
            "log": read_tail(self._logs, run.id, start, end),
        }

    def _read_excerpt(self, run: int, start: int, end: int, at: int | None) -> tuple[int | None, list[str]]:
        """The number of the first line that says what went wrong, and the lines around it."""
        if at is None:
            text = self._logs.read(run, start, min(end - start, _SEARCHED))
            plain = strip_escapes(text)
            place = find_error(plain)
            if place is None:
                return None, []
            line = self._index.line_at(run, start) + plain.count(b"\n", 0, place)
        else:
            line = self._index.line_at(run, at)
        first = max(line - _BEFORE, self._index.line_at(run, start))
        lines = self._index.read_lines(run, first, _SHOWN)
        return line, [_clean(text)[: _TEXT // 2] for text in lines]

    def _problem(self, build: BuildView, one: ProblemView, source: str | None) -> Document:
        run = next(run for run in build.runs if run.id == one.run_id)
        line = None if one.log_offset is None else self._index.line_at(run.id, one.log_offset)
        return {
            "run": run.id,
            "platform": run.platform,
            "stage": next((stage.name for stage in run.stages if stage.position == one.position), None),
            "severity": one.severity,
            "file": one.file,
            "line": one.line,
            "column": one.col,
            "message": one.message[:_TEXT],
            "code": one.code,
            "matcher": one.matcher,
            "log_line": line,
            "url": f"{self._public}/builds/{build.id}/runs/{run.id}" + (f"#L{line}" if line else ""),
            "source_url": source_address(source, build.sha, one.file, one.line),
        }

    def _case(self, build: BuildView, run: RunView, case: CaseView, source: str | None) -> Document:
        return {
            "run": run.id,
            "platform": run.platform,
            "suite": case.suite[:_TEXT],
            "classname": case.classname[:_TEXT],
            "name": case.name[:_TEXT],
            "result": case.result,
            "change": case.change,
            "flaky": case.flaky,
            "file": case.file,
            "line": case.line,
            "message": (case.message or "")[:_TEXT] or None,
            "source_url": source_address(source, build.sha, case.file, case.line),
        }


def write_difference(run: RunView) -> Document | None:
    """What changed in the run's tests since the run `previous`; None when it had no tests."""
    if run.tests_difference is None:
        return None
    return {"previous": run.tests_previous, **run.tests_difference}


def read_tail(logs: Logs, run: int, start: int, end: int) -> list[str]:
    """The last lines between two offsets of a log, without escapes and overwritten text."""
    begin = max(start, end - _TAIL_BYTES)
    lines = logs.read(run, begin, end - begin).split(b"\n")
    if begin > start:
        lines = lines[1:]  # its beginning was not read
    if lines and not lines[-1]:
        lines.pop()
    return [_clean(line)[: 2 * _TEXT] for line in lines[-TAIL_LINES:]]


def _clean(line: bytes) -> str:
    return strip_escapes(line).decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]


def _failed(build: BuildView) -> Iterator[tuple[RunView, StageView | None]]:
    """The failed stages; for a run that failed without one, the run itself."""
    for run in build.runs:
        failed = [stage for stage in run.stages if stage.result not in _FINE]
        yield from ((run, stage) for stage in failed)
        if not failed and run.result not in _FINE:
            yield run, None


def _shorten(document: Document) -> None:
    """Drop the older half of the longest tail; when all are short, half of the problems, tests, stages or runs."""
    parts: list[Document] = document["stages"]
    longest = max(parts, key=lambda part: sum(map(len, part["log"])), default=None)
    if longest is not None and len(longest["log"]) > 20:
        longest["log"] = longest["log"][(len(longest["log"]) + 1) // 2 :]
        return
    for name in ("problems", "tests", "known", "stages", "runs"):
        if len(document[name]) > 1:
            del document[name][len(document[name]) // 2 :]
            return
    for part in parts:
        part["log"], part["excerpt"] = part["log"][-1:], []
