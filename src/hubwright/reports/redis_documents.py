"""What the keys of systems 1 and 2 hold: documents of builds, and the figures of a commit on a platform. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hubwright.domain.results import Result
from hubwright.store.documents import moment
from hubwright.store.views_values import BuildView, RunView, StageView

UNKNOWN, FAIL, SUCCESS = "0", "1", "2"
"""System 1's results of builds and of tests, as it kept them."""

_GOOD = frozenset({Result.SUCCESS, Result.SKIP})


def write_execution(build: BuildView, document: Mapping[str, Any]) -> dict[str, Any]:
    """A build as the API shows it, with what system 2's readers look for: `queue`, `build`, `status`, `details`."""
    first = build.runs[0] if build.runs else None
    stages = first.stages if first is not None else ()
    return {
        **document,
        "queue": first.platform if first is not None else None,
        "build": build.number,
        "status": _write_status(build, first),
        "details": {"title": build.job, "stages": [{"title": stage.name} for stage in stages]},
    }


def _write_status(build: BuildView, run: RunView | None) -> dict[str, Any]:
    stages = run.stages if run is not None else ()
    status = {
        "status": _word(build.state, build.result),
        "queueTime": moment(build.queued_at),
        "worker": run.builder if run is not None else None,
        "startTime": moment(build.started_at),
        "doneTime": moment(build.finished_at),
        "currentStage": next((stage.name for stage in stages if stage.state == "running"), None),
        "stages": [
            {
                "stage": stage.name,
                "status": _word(stage.state, stage.result),
                "startTime": moment(stage.started_at),
                "endTime": moment(stage.finished_at),
            }
            for stage in stages
        ],
    }
    return {name: value for name, value in status.items() if value is not None}


def _word(state: str, result: str | None) -> str:
    if state != "finished":
        return "inProgress" if state == "running" else "queued"
    return "done" if result in _GOOD else "failed"


def write_commit_fields(build: BuildView) -> dict[str, str]:
    """A commit by its first build."""
    return {
        "commitMsg": build.message,
        "date": str(int(build.queued_at)),
        "username": build.author_login or build.author_name or "",
        "branch": build.branch or build.ref.removeprefix("refs/heads/"),
    }


def write_outcomes(builds: Sequence[BuildView], platforms: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """How a commit fared on each platform: by the newest of its builds (which come newest first) that has runs there.

    `platforms` are those of the builders.
    """
    told: dict[str, dict[str, str]] = {}
    for build in builds:
        here: dict[str, list[RunView]] = {}
        for run in build.runs:
            here.setdefault(platforms.get(run.builder or "", run.platform), []).append(run)
        for platform, runs in here.items():
            told.setdefault(platform, _write_outcome(runs))
    return told


def _write_outcome(runs: Sequence[RunView]) -> dict[str, str]:
    """The fields that system 1's page knows; one that it does not know ends it."""
    stages = [stage for run in runs for stage in run.stages]
    tests = [stage for stage in stages if _kind(stage) == "test"]
    totals = [run.tests for run in runs if run.tests is not None]
    built = min((_judge(run) for run in runs), key=_RANK.__getitem__)
    told = {
        "buildResult": built,
        "testResult": _judge_tests(built, tests, failed=any(total.failed for total in totals), counted=bool(totals)),
        "csources": _made(stages, "csources"),
        "docs": _made(stages, "docs"),
        "timeBuild": _seconds(stage for stage in stages if _kind(stage) != "test"),
        "timeTest": _seconds(tests),
    }
    if built == FAIL:
        told["failReason"] = next((run.detail for run in runs if run.detail), "The build failed.")
    if totals:
        for name in ("total", "passed", "skipped", "failed"):
            told[name] = str(sum(getattr(total, name) for total in totals))
    return told


_RANK = {FAIL: 0, UNKNOWN: 1, SUCCESS: 2}


def _judge(run: RunView) -> str:
    """Whether it was built: a run of which only tests failed was."""
    if run.state != "finished":
        return UNKNOWN
    if run.result in _GOOD:
        return SUCCESS
    bad = [stage for stage in run.stages if stage.result not in {None, *_GOOD} and not stage.allow_failure]
    return SUCCESS if bad and all(_kind(stage) == "test" for stage in bad) else FAIL


def _judge_tests(built: str, tests: Sequence[StageView], *, failed: bool, counted: bool) -> str:
    """In system 1 the tests of what could not be built have failed too."""
    if built == FAIL or failed or any(stage.result not in {None, *_GOOD} for stage in tests):
        return FAIL
    ended = bool(tests) and all(stage.result is not None for stage in tests)
    return SUCCESS if built == SUCCESS and (ended or counted) else UNKNOWN


def _kind(stage: StageView) -> str:
    """What it is for; a stage that is only called so counts too."""
    return stage.kind or stage.name


def _made(stages: Sequence[StageView], kind: str) -> str:
    return "t" if any(_kind(stage) == kind and stage.result == Result.SUCCESS for stage in stages) else "f"


def _seconds(stages: Iterable[StageView]) -> str:
    times = [
        stage.finished_at - stage.started_at
        for stage in stages
        if stage.started_at is not None and stage.finished_at is not None
    ]
    return str(round(sum(times)))
