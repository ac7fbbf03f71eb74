"""All that a person or an agent needs of a failed build in one small document."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from hubwright.domain.ansi import strip_escapes
from hubwright.hub.logs import Logs
from hubwright.store.views_values import BuildView, CaseView, RunView, StageView
from hubwright.web.api.documents import Document

MAX_BYTES = 64_000
"""Bytes of the whole document, at most."""

TAIL_LINES = 150
MAX_STAGES = 20
MAX_TESTS = 50
_TAIL_BYTES = 64 * 1024
_TEXT = 1_000
_FINE = frozenset({None, "success", "skip"})


def summarize_failure(build: BuildView, tests: dict[int, tuple[CaseView, ...]], logs: Logs) -> Document:
    """Failed stages with their last lines, failed tests, and the build's own problem; within `MAX_BYTES`.

    Lines are without escapes, as a terminal would have left them. Reads the logs: call it in a thread.
    """
    parts = [_stage(run, stage, logs) for run, stage in _failed(build)][:MAX_STAGES]
    cases = [_case(run_id, case) for run_id, found in tests.items() for case in found][:MAX_TESTS]
    document: Document = {
        "build": build.id,
        "state": build.state,
        "result": build.result,
        "problem": None if build.problem is None else build.problem[: 8 * _TEXT],
        "stages": parts,
        "tests": cases,
        "truncated": False,
    }
    while len(orjson.dumps(document)) > MAX_BYTES:
        document["truncated"] = True
        _shorten(parts, cases)
    return document


def read_tail(logs: Logs, run: int, start: int, end: int) -> list[str]:
    """The last lines between two offsets of a log, without escapes and overwritten text."""
    begin = max(start, end - _TAIL_BYTES)
    data = strip_escapes(logs.read(run, begin, end - begin))
    lines = data.decode("utf-8", "replace").split("\n")
    if begin > start:
        lines = lines[1:]  # its beginning was not read
    if lines and not lines[-1]:
        lines.pop()
    return [line.rstrip("\r").rpartition("\r")[2][: 2 * _TEXT] for line in lines[-TAIL_LINES:]]


def _failed(build: BuildView) -> Iterator[tuple[RunView, StageView | None]]:
    """The failed stages; for a run that failed without one, the run itself."""
    for run in build.runs:
        failed = [stage for stage in run.stages if stage.result not in _FINE]
        yield from ((run, stage) for stage in failed)
        if not failed and run.result not in _FINE:
            yield run, None


def _stage(run: RunView, stage: StageView | None, logs: Logs) -> Document:
    size = logs.size(run.id)
    start, end = (0, size) if stage is None else (stage.log_start or 0, stage.log_end or size)
    told = run if stage is None else stage
    return {
        "run": run.id,
        "platform": run.platform,
        "matrix": run.matrix,
        "stage": None if stage is None else stage.name,
        "result": told.result,
        "exit_code": None if stage is None else stage.exit_code,
        "allow_failure": stage is not None and stage.allow_failure,
        "detail": (told.detail or "")[:_TEXT] or None,
        "log": read_tail(logs, run.id, start, end),
    }


def _case(run_id: int, case: CaseView) -> Document:
    return {
        "run": run_id,
        "suite": case.suite[:_TEXT],
        "classname": case.classname[:_TEXT],
        "name": case.name[:_TEXT],
        "result": case.result,
        "message": (case.message or "")[:_TEXT] or None,
    }


def _shorten(parts: list[Document], cases: list[Document]) -> None:
    """Drop the older half of the longest tail, or, when the tails are short, some of the rest."""
    longest = max(parts, key=lambda part: sum(map(len, part["log"])), default=None)
    if longest is not None and len(longest["log"]) > 1:
        longest["log"] = longest["log"][(len(longest["log"]) + 1) // 2 :]
    elif cases:
        del cases[len(cases) // 2 :]
    elif longest is not None:
        parts.pop()
