"""Builds as plain documents, for all that tell of them: the API, the files beside them, Redis.

Times are RFC 3339 in UTC, durations seconds.
"""

from __future__ import annotations

from typing import Any

from hubwright.store.moments import write_moment
from hubwright.store.views_records import FactView
from hubwright.store.views_values import BuildView, RunView, StageView, Totals

Document = dict[str, Any]


class BuildDocuments:
    """Writes documents of builds; addresses in them begin with `public_url`."""

    def __init__(self, public_url: str) -> None:
        self._public = public_url.rstrip("/")

    def build(self, build: BuildView) -> Document:
        """A build with its runs."""
        return {
            "id": build.id,
            "number": build.number,
            "job": build.job,
            "repo": build.repository,
            "sha": build.sha,
            "ref": build.ref,
            "branch": build.branch,
            "event": build.event,
            "trust": build.trust,
            "pull_request": build.pull_request,
            "message": build.message,
            "author": build.author_login or build.author_name,
            "state": build.state,
            "result": build.result,
            "problem": build.problem,
            "recipe": build.recipe,
            "parameters": build.parameters or {},
            "queued_at": moment(build.queued_at),
            "started_at": moment(build.started_at),
            "finished_at": moment(build.finished_at),
            "duration": duration(build.started_at, build.finished_at),
            "tests": write_totals(build.tests),
            "url": f"{self._public}/builds/{build.id}",
            "runs": [self.run(run) for run in build.runs],
        }

    def whole_build(self, build: BuildView) -> Document:
        """A build with its runs, and those that newer attempts replaced."""
        return {**self.build(build), "earlier_runs": [self.run(run) for run in build.earlier]}

    def run(self, run: RunView) -> Document:
        """A run with its stages."""
        return {
            "id": run.id,
            "build": run.build_id,
            "platform": run.platform,
            "labels": run.labels,
            "matrix": run.matrix,
            "attempt": run.attempt,
            "state": run.state,
            "result": run.result,
            "detail": run.detail,
            "builder": run.builder,
            "images": run.images or [],
            "queued_at": moment(run.queued_at),
            "started_at": moment(run.started_at),
            "finished_at": moment(run.finished_at),
            "duration": duration(run.started_at, run.finished_at),
            "log_size": run.log_size,
            "log_url": f"{self._public}/api/v1/runs/{run.id}/log",
            "tests": write_totals(run.tests),
            "stages": [write_stage(stage) for stage in run.stages],
        }


def write_stage(stage: StageView) -> Document:
    """A stage; `log` are the bytes of the run's log that are its own, `end` None while it runs."""
    return {
        "position": stage.position,
        "name": stage.name,
        "kind": stage.kind,
        "state": stage.state,
        "result": stage.result,
        "exit_code": stage.exit_code,
        "detail": stage.detail,
        "allow_failure": stage.allow_failure,
        "attempt": stage.attempt,
        "started_at": moment(stage.started_at),
        "finished_at": moment(stage.finished_at),
        "duration": duration(stage.started_at, stage.finished_at),
        "log": {"start": stage.log_start, "end": stage.log_end},
    }


def write_totals(totals: Totals | None) -> Document | None:
    """Counts of test cases."""
    if totals is None:
        return None
    return {"total": totals.total, "passed": totals.passed, "skipped": totals.skipped, "failed": totals.failed}


def write_fact(fact: FactView) -> Document:
    """What happened."""
    return {
        "id": fact.id,
        "kind": fact.kind,
        "at": moment(fact.at),
        "job": fact.job_id,
        "build": fact.build_id,
        "run": fact.run_id,
        "sentence": fact.sentence,
        "data": fact.data,
    }


def moment(seconds: float | None) -> str | None:
    """Unix seconds as RFC 3339."""
    return None if seconds is None else write_moment(seconds)


def duration(start: float | None, end: float | None) -> float | None:
    """Seconds from start to end, when both are known."""
    return None if start is None or end is None else round(end - start, 3)
