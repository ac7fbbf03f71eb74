"""Builds as documents of a search engine: build, runs, stages, test cases, and log lines where these are wanted.

A document's id is that of its row, its index is of the month in which the build was queued: sent again, after a rerun
too, it takes its own place, and nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hubwright.domain.known_failures import KnownFailure
from hubwright.outlets.search_engine import Document
from hubwright.store.views_results import ProblemView
from hubwright.store.views_values import BuildView, CaseView, RunView, StageView

_WORD, _TEXT, _NUMBER, _TIME = "keyword", "text", "long", "date"
_BOTH = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}

FIELDS: dict[str, Any] = {
    "@timestamp": _TIME,
    "kind": _WORD,
    "job": _WORD,
    "number": _NUMBER,
    "build": _NUMBER,
    "run": _NUMBER,
    "repository": _WORD,
    "sha": _WORD,
    "ref": _WORD,
    "branch": _WORD,
    "event": _WORD,
    "pull_request": _NUMBER,
    "trust": _WORD,
    "author": _WORD,
    "subject": _TEXT,
    "result": _WORD,
    "turn": _WORD,
    "problem": _TEXT,
    "queued_at": _TIME,
    "started_at": _TIME,
    "finished_at": _TIME,
    "wait_seconds": "double",
    "seconds": "double",
    "url": _WORD,
    "platform": _WORD,
    "labels": _WORD,
    "matrix": "object",
    "builder": _WORD,
    "attempt": _NUMBER,
    "detail": _TEXT,
    "stage": _WORD,
    "stage_kind": _WORD,
    "position": _NUMBER,
    "exit_code": _NUMBER,
    "tests": "object",
    "suite": _WORD,
    "classname": _WORD,
    "name": _BOTH,
    "message": _BOTH,
    "file": _WORD,
    "line": _NUMBER,
    "change": _WORD,
    "flaky": "boolean",
    "severity": _WORD,
    "code": _WORD,
    "text": _TEXT,
    "offset": _NUMBER,
    "fingerprint": _WORD,
    "known": _NUMBER,
    "failure_kind": _WORD,
    "title": _BOTH,
}
"""Every field of every document, by its type in the mapping."""

_OBJECTS: dict[str, Any] = {
    "matrix": {"type": "object", "dynamic": True},
    "tests": {"properties": {name: {"type": _NUMBER} for name in ("total", "passed", "skipped", "failed")}},
}


def write_template(prefix: str) -> dict[str, Any]:
    """The index template: what fields are, and that no other is indexed."""
    fields = {
        name: _OBJECTS.get(name, {"type": kind} if isinstance(kind, str) else kind) for name, kind in FIELDS.items()
    }
    words = [{"matrix": {"path_match": "matrix.*", "mapping": {"type": _WORD}}}]
    mappings = {"dynamic": False, "dynamic_templates": words, "properties": fields}
    return {
        "index_patterns": [f"{prefix}-*"],
        "priority": 200,
        "template": {"settings": {"index": {"number_of_shards": 1}}, "mappings": mappings},
    }


class Writer:
    """Writes documents into indices whose names begin with `prefix`; addresses of builds begin with `public_url`."""

    def __init__(self, prefix: str, public_url: str) -> None:
        self._prefix = prefix
        self._public_url = public_url.rstrip("/")

    def write_build(
        self, build: BuildView, turn: str | None, known: Mapping[int, Sequence[KnownFailure]]
    ) -> Iterator[Document]:
        """The build, its runs, earlier attempts too, their stages, and what the runs failed with, by run."""
        more = {
            "subject": build.message.strip().partition("\n")[0][:500],
            "turn": turn,
            "problem": build.problem,
            "tests": _totals(build),
            **_times(build),
        }
        yield self._document(build, "build", f"{build.id}", more)
        for run in (*build.runs, *build.earlier):
            yield from self._write_run(build, run, known.get(run.id, ()))

    def _write_run(self, build: BuildView, run: RunView, known: Sequence[KnownFailure]) -> Iterator[Document]:
        where = _place(run)
        told = {"fingerprint": [one.fingerprint for one in known] or None}
        more = {"detail": run.detail, "labels": list(run.labels), "tests": _totals(run), **told, **_times(run)}
        yield self._document(build, "run", f"{run.id}", where | more)
        for stage in run.stages:
            yield self._document(build, "stage", f"{run.id}-{stage.position}", where | _tell_stage(stage))
        for one in known:
            failure = {"fingerprint": one.fingerprint, "known": one.id, "failure_kind": one.kind, "title": one.title}
            at = {"@timestamp": _moment(run.finished_at or build.queued_at)}
            yield self._document(build, "failure", f"{run.id}-{one.id}", where | at | failure)

    def write_cases(self, build: BuildView, run: RunView, cases: Iterable[CaseView]) -> Iterator[Document]:
        """Test cases of one of its runs."""
        for case in cases:
            told = {
                "@timestamp": _moment(run.finished_at or build.queued_at),
                "suite": case.suite, "classname": case.classname, "name": case.name, "result": case.result,
                "seconds": case.seconds, "message": (case.message or "")[:8000] or None, "file": case.file,
                "line": case.line, "change": case.change, "flaky": case.flaky,
            }  # fmt: skip
            yield self._document(build, "test", f"{run.id}-{case.id}", _place(run) | told)

    def write_problems(self, build: BuildView, run: RunView, problems: Iterable[ProblemView]) -> Iterator[Document]:
        """What the log of one of its runs says is wrong."""
        for one in problems:
            told = {
                "@timestamp": _moment(run.finished_at or build.queued_at),
                "severity": one.severity, "message": one.message[:8000], "file": one.file, "line": one.line,
                "code": one.code, "position": one.position,
            }  # fmt: skip
            yield self._document(build, "problem", f"{run.id}-{one.id}", _place(run) | told)

    def write_lines(self, build: BuildView, run: RunView, lines: Iterable[tuple[int, str]]) -> Iterator[Document]:
        """Lines of the log of one of its runs, each with where it begins in the log, in bytes."""
        for offset, text in lines:
            told = {"@timestamp": _moment(run.finished_at or build.queued_at), "offset": offset, "text": text[:8000]}
            yield self._document(build, "log", f"{run.id}-{offset}", _place(run) | told)

    def _document(self, build: BuildView, kind: str, key: str, more: Mapping[str, Any]) -> Document:
        told = {
            "@timestamp": _moment(build.finished_at or build.queued_at),
            "kind": kind, "job": build.job, "number": build.number, "build": build.id, "repository": build.repository,
            "sha": build.sha, "ref": build.ref, "branch": build.branch, "event": build.event,
            "pull_request": build.pull_request, "trust": build.trust,
            "author": build.author_login or build.author_name, "url": f"{self._public_url}/builds/{build.id}",
        }  # fmt: skip
        body = {name: value for name, value in (told | dict(more)).items() if value is not None}
        month = datetime.fromtimestamp(build.queued_at, UTC).strftime("%Y.%m")
        return Document(f"{self._prefix}-{kind}-{month}", key, body)


def _place(run: RunView) -> dict[str, Any]:
    return {
        "run": run.id, "platform": run.platform, "matrix": run.matrix or None, "builder": run.builder,
        "attempt": run.attempt,
    }  # fmt: skip


def _tell_stage(stage: StageView) -> dict[str, Any]:
    ended = stage.finished_at or stage.started_at
    return {
        "stage": stage.name, "stage_kind": stage.kind, "position": stage.position, "result": stage.result,
        "exit_code": stage.exit_code, "detail": stage.detail, "attempt": stage.attempt,
        "seconds": _between(stage.started_at, stage.finished_at),
        **({"@timestamp": _moment(ended)} if ended is not None else {}),
    }  # fmt: skip


def _times(thing: BuildView | RunView) -> dict[str, Any]:
    moments = {name: getattr(thing, name) for name in ("queued_at", "started_at", "finished_at")}
    return {
        "@timestamp": _moment(thing.finished_at or thing.queued_at),
        "result": thing.result,
        "wait_seconds": _between(thing.queued_at, thing.started_at),
        "seconds": _between(thing.started_at, thing.finished_at),
        **{name: _moment(at) for name, at in moments.items() if at is not None},
    }


def _totals(thing: BuildView | RunView) -> dict[str, int] | None:
    told = thing.tests
    if told is None:
        return None
    return {"total": told.total, "passed": told.passed, "skipped": told.skipped, "failed": told.failed}


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(end - start, 0.0), 3)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
